"""The parameters of a request: every documented parameter, validated.

A `Query` validates itself and returns its request parameters. The lists of values in the documentation are in
`catalog.py`, and the order of pages is in `pagination.py`.
"""

import dataclasses
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from trackdrive_assets.api import catalog
from trackdrive_assets.api.errors import QueryError
from trackdrive_assets.days import YEARS

_NUMBER_LIMIT = 10**18
_CURSOR_TEXT = re.compile(r"-?\d{1,100}(\.\d{1,100})?([eE][+-]?\d{1,100})?", re.ASCII)
_DATE_TEXT = re.compile(
    r"(?P<time>\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?)( ?(UTC|Z|[+-]\d{2}:?\d{2}))?",
    re.ASCII,
)


class Endpoint(StrEnum):
    """The endpoints that accept parameters. The value is the end of the path."""

    CALLS = "calls"
    REPORTS = "calls/reports"
    STATS = "calls/stats"
    CALL = "calls/:uuid"


class UndocumentedValueWarning(UserWarning):
    """A value that the documentation does not list. It is sent, because the API accepts more values."""


_LISTS = frozenset({Endpoint.CALLS, Endpoint.REPORTS})
_FILTERED = frozenset({Endpoint.CALLS, Endpoint.REPORTS, Endpoint.STATS})

Formatter = Callable[[str, Any, "Query"], str]
"""A function that returns the text to send for a parameter's name and value in a query, or raises."""


def _parameter(
    format_value: Formatter,
    description: str,
    endpoints: frozenset[Endpoint] = _FILTERED,
    *,
    values: Sequence[str] = (),
) -> Any:
    metadata = {
        "format": format_value,
        "description": description,
        "endpoints": endpoints,
        "values": tuple(values),
    }
    return dataclasses.field(default=None, metadata=metadata)


def _text(name: str, value: object, _: "Query | None" = None) -> str:
    if not isinstance(value, str) or not value:
        raise QueryError(f"{name} must be a text that is not empty, not {value!r}.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise QueryError(f"{name} has a byte that is not UTF-8: {value!r}. Write it again.") from None
    return value


def _flag(name: str, value: object, _: "Query") -> str:
    if not isinstance(value, bool):
        raise QueryError(f"{name} must be True or False, not {value!r}.")
    return "true" if value else "false"


def _number(name: str, value: object, _: "Query") -> str:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _NUMBER_LIMIT:
        raise QueryError(f"{name} must be a whole number of up to 18 digits, not {value!r}.")
    return str(value)


def _count_from_one(name: str, value: object, query: "Query") -> str:
    formatted = _number(name, value, query)
    if formatted == "0":
        raise QueryError(f"{name} must be 1 or more, not 0.")
    return formatted


def _numbers(name: str, value: object, query: "Query") -> str:
    values = value if isinstance(value, list | tuple) else [value]
    if not values:
        raise QueryError(f"{name} needs at least one whole number.")
    return ",".join(_number(name, item, query) for item in values)


def _cursor(name: str, value: object, _: "Query") -> str:
    if isinstance(value, float):
        raise QueryError(f"{name} must be a text, because a float can lose digits. It is {value!r}.")
    if not _CURSOR_TEXT.fullmatch(str(value)):
        raise QueryError(f"{name} must be the next_cursor of an earlier response, not {value!r}.")
    return str(value)


def _instant(name: str, value: object, query: "Query") -> str:
    if isinstance(value, str):
        if not _is_date(value):
            years = f"{YEARS[0]} to {YEARS[-1]}"
            raise QueryError(
                f"{name} must be a date of the years {years} like '2016-01-01 12:25:15 -0500', not {value!r}."
            )
        return value
    if not isinstance(value, datetime):
        raise QueryError(
            f"{name} must be a datetime, or a date like '2016-01-01 12:25:15 -0500', not {value!r}."
        )
    time = "%H:%M:%S.%f" if value.microsecond else "%H:%M:%S"
    if value.tzinfo is not None:
        return value.strftime(f"%Y-%m-%d {time} %z")
    if query.time_zone is None:
        raise QueryError(
            f"{name} is {value}, without an offset. Use a datetime with a tzinfo, or set time_zone."
        )
    return value.strftime(f"%Y-%m-%d {time}")


def _is_date(text: str) -> bool:
    match = _DATE_TEXT.fullmatch(text)
    if match is None:
        return False
    try:
        return datetime.fromisoformat(match["time"]).year in YEARS
    except ValueError:
        return False


def _one_of(choices: Sequence[str], description: str, endpoints: frozenset[Endpoint] = _FILTERED) -> Any:
    def format_value(name: str, value: object, _: "Query") -> str:
        return closed_choice(name, value, choices)

    return _parameter(format_value, description, endpoints, values=choices)


def _listed_or_more(
    choices: Sequence[str], description: str, endpoints: frozenset[Endpoint] = _FILTERED
) -> Any:
    def format_value(name: str, value: object, _: "Query") -> str:
        return open_choice(name, value, choices)

    return _parameter(format_value, description, endpoints, values=choices)


def _columns(name: str, value: object, _: "Query") -> str:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise QueryError(f"{name} must be names, or a text of names separated by commas, not {value!r}.")
    if not names:
        raise QueryError("columns needs at least one name. Without columns, the response has all of them.")
    stripped = (item.strip() if isinstance(item, str) else item for item in names)
    return ",".join(open_choice(name, item, catalog.KNOWN_CALL_COLUMNS) for item in stripped)


@dataclass(frozen=True, kw_only=True)
class Query:
    """The filters, columns, order and page of one request. Parameters that are None are not sent.

    Dates are datetimes with a time zone, datetimes without one together with `time_zone`, or texts in the
    documentation's format. They are sent in whole seconds. In the names of filters, "offer" means the traffic
    source, as in the API's own names.

    Raises:
        QueryError: A value is not in a closed list, or has the wrong type. The message names the parameter.
    """

    # Filters by time.
    created_at_from: datetime | str | None = _parameter(_instant, "Calls created at this time or later.")
    created_at_to: datetime | str | None = _parameter(_instant, "Calls created up to this time.")
    ended_at_from: datetime | str | None = _parameter(_instant, "Calls that ended at this time or later.")
    ended_at_to: datetime | str | None = _parameter(_instant, "Calls that ended up to this time.")
    created_at_label: str | None = _one_of(
        catalog.CREATED_AT_LABELS,
        "Calls of a named range, such as Today or Last 4 Hours.",
        frozenset({Endpoint.CALLS}),
    )
    time_zone: str | None = _listed_or_more(
        catalog.TIME_ZONES, "Time zone of the dates without an offset.", _LISTS
    )

    # Filters by what happened.
    status: str | None = _listed_or_more(
        catalog.STATUSES, "Calls with this status, such as finished or no-buyer."
    )
    in_progress: bool | None = _parameter(_flag, "Calls in progress.")
    placed_on_hold: bool | None = _parameter(_flag, "Calls that were put on hold.")
    has_recording: bool | None = _parameter(_flag, "Calls that have a recording.")
    no_buyer: bool | None = _parameter(_flag, "Calls that reached no buyer.")
    buyer_converted: bool | None = _parameter(_flag, "Calls that converted for the buyer.")
    offer_converted: bool | None = _parameter(_flag, "Calls that converted for the traffic source.")
    either_converted: bool | None = _parameter(
        _flag, "Calls that converted for the buyer or the traffic source."
    )
    buyer_repeat_caller: bool | None = _parameter(_flag, "Calls of repeat callers of the buyer.")
    offer_repeat_caller: bool | None = _parameter(_flag, "Calls of repeat callers of the traffic source.")
    buyer_conversion_duplicated_call: bool | None = _parameter(
        _flag, "Calls that count as duplicates by the buyer's settings."
    )
    offer_conversion_duplicated_call: bool | None = _parameter(
        _flag, "Calls that count as duplicates by the traffic source's settings."
    )

    # Filters by id.
    id: int | None = _parameter(_number, "The call with this id.")
    number_id: int | None = _parameter(_number, "Calls to this tracking number, by its id.")
    offer_id: int | None = _parameter(_number, "Calls of this offer, by its id.")
    traffic_source_id: int | None = _parameter(_number, "Calls of this traffic source, by its id.")
    buyer_id: int | None = _parameter(_number, "Calls of this buyer, by its id.")
    buyer_group_ids: int | Sequence[int] | None = _parameter(
        _numbers, "Calls of these groups of buyers, by their ids."
    )
    ring_pool_id: int | None = _parameter(_number, "Calls of this ring pool, by its id.")
    provider_configuration_id: int | None = _parameter(
        _number, "Calls over this telephony provider, by its id."
    )
    contact_id: int | None = _parameter(_number, "Calls of this caller, by the contact's id.")
    schedule_id: int | None = _parameter(_number, "Calls of this schedule, by its id.")

    # Filters by text.
    fulltext: str | None = _parameter(_text, "Calls that contain this text.", _LISTS)
    token_key: str | None = _parameter(_text, "Calls that have this tag.")
    token_value: str | None = _parameter(_text, "Calls that have a tag with this value.")

    # The form of the response.
    columns: str | Sequence[str] | None = _parameter(
        _columns, "Columns of the response.", _LISTS, values=catalog.KNOWN_CALL_COLUMNS
    )
    order: str | None = _one_of(catalog.ORDER_FIELDS, "Column to sort by.")
    order_dir: str | None = _one_of(catalog.ORDER_DIRECTIONS, "Largest first (desc) or smallest first (asc).")
    serializer: str | None = _one_of(
        catalog.SERIALIZERS,
        "Form of a call in the response.",
        frozenset({Endpoint.CALLS, Endpoint.CALL}),
    )
    root: bool | None = _parameter(
        _flag, "Whether the response has an envelope. false returns a bare list.", _LISTS
    )
    page: int | None = _parameter(_count_from_one, "First page, from 1.")
    per_page: int | None = _parameter(_count_from_one, "Rows per page.", _LISTS)
    cursor: str | int | None = _parameter(
        _cursor, "First cursor: the next_cursor of an earlier response.", frozenset({Endpoint.CALLS})
    )

    def __post_init__(self) -> None:
        """Validate every value, so that every query can be sent."""
        formatted = {
            field.name: field.metadata["format"](field.name, value, self)
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        object.__setattr__(self, "_formatted", formatted)

    def parameters(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the request parameters as texts.

        Raises:
            QueryError: The endpoint does not accept one of the parameters.
        """
        formatted: dict[str, str] = vars(self)["_formatted"]
        accepted = accepted_parameters(endpoint)
        if foreign := [name for name in formatted if name not in accepted]:
            raise QueryError(
                f"/{endpoint} does not accept {', '.join(foreign)}. "
                f"It accepts: {', '.join(sorted(accepted))}."
            )
        return dict(formatted)


ANY = Query()
"""The query without any parameter."""


def accepted_parameters(endpoint: Endpoint) -> frozenset[str]:
    """Return the names of the parameters that an endpoint accepts in either documentation."""
    return frozenset(
        field.name for field in dataclasses.fields(Query) if endpoint in field.metadata["endpoints"]
    )


def closed_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """Return the value of a closed list.

    Raises:
        QueryError: The list does not contain it. The message has the list.
    """
    if not isinstance(value, str) or value not in choices:
        raise QueryError(f"{name} is {value!r}; it must be one of: {', '.join(choices)}.")
    return value


def open_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """Return the value of an open list, with a warning if the list does not contain it.

    Raises:
        QueryError: The value is not a text, or is empty.
    """
    text = _text(name, value)
    if text not in choices:
        warnings.warn(
            f"{name} {text!r} is not in the documentation's list. It is sent anyway.",
            UndocumentedValueWarning,
            stacklevel=2,
        )
    return text
