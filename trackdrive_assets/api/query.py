"""What is asked of the API: every documented parameter as one validated value.

A `Query` checks itself when it is made and turns itself into request parameters. Not here: the names that the
documentation enumerates (`catalog.py`), and how the answer's pages are walked (`paging.py`).
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

_CURSOR_TEXT = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_DATE_TEXT = re.compile(
    r"(?P<moment>\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?)( ?(UTC|Z|[+-]\d{2}:?\d{2}))?"
)


class Endpoint(StrEnum):
    """The questions that take parameters. The value is the last part of the path."""

    CALLS = "calls"
    REPORTS = "calls/reports"
    STATS = "calls/stats"
    CALL = "calls/:uuid"


class UndocumentedValueWarning(UserWarning):
    """A value that the documentation does not list. It is sent: today's API has more than is written."""


_LISTS = frozenset({Endpoint.CALLS, Endpoint.REPORTS})
_FILTERED = frozenset({Endpoint.CALLS, Endpoint.REPORTS, Endpoint.STATS})

Writer = Callable[[str, Any, "Query"], str]
"""Takes a parameter's name, its value and the whole query; gives the text to send, or raises."""


def _parameter(writer: Writer, meaning: str, endpoints: frozenset[Endpoint] = _FILTERED) -> Any:
    return dataclasses.field(
        default=None, metadata={"writer": writer, "meaning": meaning, "endpoints": endpoints}
    )


def _text(name: str, value: object, _: "Query | None" = None) -> str:
    if not isinstance(value, str) or not value:
        raise QueryError(f"{name} takes a text that is not empty; it is {value!r}.")
    return value


def _flag(name: str, value: object, _: "Query") -> str:
    if not isinstance(value, bool):
        raise QueryError(f"{name} takes True or False; it is {value!r}.")
    return "true" if value else "false"


def _number(name: str, value: object, _: "Query") -> str:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise QueryError(f"{name} takes a whole number; it is {value!r}.")
    return str(value)


def _count_from_one(name: str, value: object, query: "Query") -> str:
    written = _number(name, value, query)
    if written == "0":
        raise QueryError(f"{name} counts from 1; it is 0.")
    return written


def _numbers(name: str, value: object, query: "Query") -> str:
    several = value if isinstance(value, list | tuple) else [value]
    if not several:
        raise QueryError(f"{name} takes at least one whole number.")
    return ",".join(_number(name, one, query) for one in several)


def _cursor(name: str, value: object, _: "Query") -> str:
    if isinstance(value, float):
        raise QueryError(f"{name} takes the digits as text: a float can lose some of them. It is {value!r}.")
    if not _CURSOR_TEXT.fullmatch(str(value)):
        raise QueryError(f"{name} takes the number that the API gave as next_cursor; it is {value!r}.")
    return str(value)


def _instant(name: str, value: object, query: "Query") -> str:
    if isinstance(value, str):
        if not _is_date(value):
            raise QueryError(f"{name} takes a date like '2016-01-01 12:25:15 -0500'; it is {value!r}.")
        return value
    if not isinstance(value, datetime):
        raise QueryError(
            f"{name} takes a datetime, or a date like '2016-01-01 12:25:15 -0500'; it is {value!r}."
        )
    if value.tzinfo is not None:
        return value.strftime("%Y-%m-%d %H:%M:%S %z")
    if query.time_zone is None:
        raise QueryError(
            f"{name} is {value}, without an offset. Give the datetime a tzinfo, or set time_zone."
        )
    return value.strftime("%Y-%m-%d %H:%M:%S")


def _is_date(text: str) -> bool:
    written = _DATE_TEXT.fullmatch(text)
    if written is None:
        return False
    try:
        datetime.fromisoformat(written["moment"])
    except ValueError:
        return False
    return True


def _one_of(choices: Sequence[str]) -> Writer:
    def written(name: str, value: object, _: "Query") -> str:
        return closed_choice(name, value, choices)

    return written


def _listed_or_more(choices: Sequence[str]) -> Writer:
    def written(name: str, value: object, _: "Query") -> str:
        return open_choice(name, value, choices)

    return written


def _columns(name: str, value: object, _: "Query") -> str:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise QueryError(f"{name} takes names, or a text with commas between them; it is {value!r}.")
    if not names:
        raise QueryError("columns takes at least one name; leave it out to get them all.")
    stripped = (one.strip() if isinstance(one, str) else one for one in names)
    return ",".join(open_choice(name, one, catalog.KNOWN_CALL_COLUMNS) for one in stripped)


@dataclass(frozen=True, kw_only=True)
class Query:
    """Filters, columns, order and paging of one question. What is None is not sent.

    Dates are aware datetimes, or naive ones together with `time_zone`, or texts in the documentation's
    format. Whole seconds are sent; a fraction is cut off. "offer" in a filter's name means the traffic
    source: that is the API's own naming.

    Raises:
        QueryError: A value outside of a closed list, or of the wrong kind. It names the parameter.
    """

    # Which calls, by time.
    created_at_from: datetime | str | None = _parameter(_instant, "Calls created at this moment or later.")
    created_at_to: datetime | str | None = _parameter(_instant, "Calls created up to this moment.")
    ended_at_from: datetime | str | None = _parameter(_instant, "Calls that ended at this moment or later.")
    ended_at_to: datetime | str | None = _parameter(_instant, "Calls that ended up to this moment.")
    created_at_label: str | None = _parameter(
        _one_of(catalog.CREATED_AT_LABELS),
        "Calls of a named range, such as Today or Last 4 Hours.",
        frozenset({Endpoint.CALLS}),
    )
    time_zone: str | None = _parameter(
        _listed_or_more(catalog.TIME_ZONES), "Zone of the dates that have no offset of their own.", _LISTS
    )

    # Which calls, by what happened.
    status: str | None = _parameter(
        _listed_or_more(catalog.STATUSES), "Calls of this status, such as finished or no-buyer."
    )
    in_progress: bool | None = _parameter(_flag, "Calls that are going on.")
    placed_on_hold: bool | None = _parameter(_flag, "Calls that were put on hold.")
    has_recording: bool | None = _parameter(_flag, "Calls that have a recording.")
    no_buyer: bool | None = _parameter(_flag, "Calls that reached no buyer.")
    buyer_converted: bool | None = _parameter(_flag, "Calls that a buyer owes for.")
    offer_converted: bool | None = _parameter(_flag, "Calls that a traffic source is owed for.")
    either_converted: bool | None = _parameter(
        _flag, "Calls that converted for the buyer or the traffic source."
    )
    buyer_repeat_caller: bool | None = _parameter(_flag, "Calls of somebody whom the buyer has had before.")
    offer_repeat_caller: bool | None = _parameter(
        _flag, "Calls of somebody whom the traffic source has sent before."
    )
    buyer_conversion_duplicated_call: bool | None = _parameter(
        _flag, "Calls that count as duplicates by the buyer's settings."
    )
    offer_conversion_duplicated_call: bool | None = _parameter(
        _flag, "Calls that count as duplicates by the traffic source's settings."
    )

    # Which calls, by whose they are.
    id: int | None = _parameter(_number, "The call of this number.")
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

    # Which calls, by what is written on them.
    fulltext: str | None = _parameter(_text, "Calls in which this text stands anywhere.", _LISTS)
    token_key: str | None = _parameter(_text, "Calls that have this tag.")
    token_value: str | None = _parameter(_text, "Calls that have a tag of this value.")

    # How they come back.
    columns: str | Sequence[str] | None = _parameter(_columns, "Columns to answer with.", _LISTS)
    order: str | None = _parameter(_one_of(catalog.ORDER_FIELDS), "Column to sort by.")
    order_dir: str | None = _parameter(
        _one_of(catalog.ORDER_DIRECTIONS), "Largest first (desc) or smallest first (asc)."
    )
    serializer: str | None = _parameter(
        _one_of(catalog.SERIALIZERS), "How a call is written out.", frozenset({Endpoint.CALLS, Endpoint.CALL})
    )
    root: bool | None = _parameter(_flag, "Whether the rows come in an envelope; false: a bare list.", _LISTS)
    page: int | None = _parameter(_count_from_one, "Page to begin with, from 1.")
    per_page: int | None = _parameter(_count_from_one, "Rows a page.", _LISTS)
    cursor: str | int | None = _parameter(
        _cursor, "Where to begin, as an earlier answer said in next_cursor.", frozenset({Endpoint.CALLS})
    )

    def __post_init__(self) -> None:
        """Check every value that is set, so that a query that exists can be sent."""
        written = {
            field.name: field.metadata["writer"](field.name, value, self)
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        object.__setattr__(self, "_written", written)

    def parameters(self, endpoint: Endpoint) -> dict[str, str]:
        """The request parameters, as texts.

        Raises:
            QueryError: Something is set that this endpoint does not take.
        """
        written: dict[str, str] = vars(self)["_written"]
        taken = taken_by(endpoint)
        if foreign := [name for name in written if name not in taken]:
            raise QueryError(
                f"/{endpoint} does not take {', '.join(foreign)}. It takes: {', '.join(sorted(taken))}."
            )
        return dict(written)


ANY = Query()
"""The query that asks for everything."""


def taken_by(endpoint: Endpoint) -> frozenset[str]:
    """The names of the parameters that an endpoint takes, of either documentation."""
    return frozenset(
        field.name for field in dataclasses.fields(Query) if endpoint in field.metadata["endpoints"]
    )


def closed_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """`value`, if the documentation lists it.

    Raises:
        QueryError: It does not. The choices are in the message.
    """
    if not isinstance(value, str) or value not in choices:
        raise QueryError(f"{name} is {value!r}; it must be one of: {', '.join(choices)}.")
    return value


def open_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """`value`, with an `UndocumentedValueWarning` if the documentation does not list it.

    Raises:
        QueryError: It is no text, or an empty one.
    """
    text = _text(name, value)
    if text not in choices:
        warnings.warn(
            f"{name} {text!r} is not in the documentation's list; it is sent as it is.",
            UndocumentedValueWarning,
            stacklevel=2,
        )
    return text
