"""The parameters of each endpoint: how they are written, and which values are rejected."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.api import catalog
from trackdrive_assets.api.errors import QueryError
from trackdrive_assets.api.query import ANY, Endpoint, Query, UndocumentedValueWarning, accepted_parameters

# Name, the endpoints that document it (c: calls, r: reports, s: stats, o: one call), a value, and its text.
# In the order of the older documentation; what only today's has comes after it.
PARAMETERS: list[tuple[str, str, Any, str]] = [
    ("cursor", "c", "1.7188355534787E+14", "1.7188355534787E+14"),
    ("page", "crs", 2, "2"),
    ("per_page", "cr", 250, "250"),
    ("created_at_to", "crs", datetime(2024, 3, 11, tzinfo=UTC), "2024-03-11 00:00:00 +0000"),
    ("created_at_from", "crs", "2016-01-01 12:25:15 -0500", "2016-01-01 12:25:15 -0500"),
    ("fulltext", "cr", "insurance", "insurance"),
    ("time_zone", "cr", "Etc/UTC", "Etc/UTC"),
    ("columns", "cr", ("uuid", "created_at"), "uuid,created_at"),
    ("offer_repeat_caller", "crs", True, "true"),
    ("buyer_repeat_caller", "crs", False, "false"),
    ("buyer_converted", "crs", True, "true"),
    ("offer_converted", "crs", True, "true"),
    ("in_progress", "crs", False, "false"),
    ("placed_on_hold", "crs", True, "true"),
    ("has_recording", "crs", True, "true"),
    ("buyer_conversion_duplicated_call", "crs", True, "true"),
    ("offer_conversion_duplicated_call", "crs", True, "true"),
    ("no_buyer", "crs", True, "true"),
    ("token_key", "crs", "buyer_id", "buyer_id"),
    ("token_value", "crs", "buyer_id:12345", "buyer_id:12345"),
    ("order", "crs", "end_time", "end_time"),
    ("order_dir", "crs", "asc", "asc"),
    ("number_id", "crs", 14755793, "14755793"),
    ("offer_id", "crs", 10026786, "10026786"),
    ("traffic_source_id", "crs", 10160398, "10160398"),
    ("buyer_id", "crs", 10455172, "10455172"),
    ("buyer_group_ids", "crs", [7, 8], "7,8"),
    ("ring_pool_id", "crs", 3, "3"),
    ("id", "crs", 12345, "12345"),
    ("provider_configuration_id", "crs", 4, "4"),
    ("contact_id", "crs", 5, "5"),
    ("status", "crs", "no-buyer", "no-buyer"),
    ("ended_at_to", "crs", "2016-01-01 12:00:15 UTC", "2016-01-01 12:00:15 UTC"),
    ("ended_at_from", "crs", "2016-01-01", "2016-01-01"),
    ("serializer", "co", "call_grid", "call_grid"),
    ("root", "cr", False, "false"),
    ("created_at_label", "c", "Last 4 Hours", "Last 4 Hours"),
    ("either_converted", "crs", True, "true"),
    ("schedule_id", "crs", 6, "6"),
]
LETTERS = {"c": Endpoint.CALLS, "r": Endpoint.REPORTS, "s": Endpoint.STATS, "o": Endpoint.CALL}
NAMES = [row[0] for row in PARAMETERS]


@pytest.mark.parametrize(("name", "letters", "value", "text"), PARAMETERS, ids=NAMES)
def test_a_parameter_is_accepted_by_the_endpoints_that_document_it(
    name: str, letters: str, value: object, text: str
) -> None:
    query = Query(**{name: value})  # type: ignore[arg-type]  # one name at a time, from the table
    for letter, endpoint in LETTERS.items():
        if letter in letters:
            assert query.parameters(endpoint) == {name: text}
        else:
            with pytest.raises(QueryError, match=rf"^/{endpoint} does not accept {name}\."):
                query.parameters(endpoint)


def test_a_query_has_only_documented_parameters() -> None:
    assert sorted(NAMES) == sorted(field.name for field in fields(Query))


def test_the_parameters_of_an_endpoint_can_be_listed() -> None:
    assert accepted_parameters(Endpoint.CALL) == {"serializer"}
    assert accepted_parameters(Endpoint.STATS) == {
        name for name, letters, _, _ in PARAMETERS if "s" in letters
    }


def test_an_empty_query_sends_nothing() -> None:
    assert ANY.parameters(Endpoint.CALLS) == {}


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("order", catalog.ORDER_FIELDS),
        ("order_dir", catalog.ORDER_DIRECTIONS),
        ("serializer", catalog.SERIALIZERS),
        ("created_at_label", catalog.CREATED_AT_LABELS),
    ],
)
def test_a_value_outside_a_closed_list_is_refused_with_the_choices(
    name: str, choices: tuple[str, ...]
) -> None:
    for choice in choices:
        Query(**{name: choice})  # type: ignore[arg-type]  # one name at a time
    with pytest.raises(QueryError) as caught:
        Query(**{name: "sideways"})  # type: ignore[arg-type]  # one name at a time
    assert str(caught.value) == f"{name} is 'sideways'; it must be one of: {', '.join(choices)}."


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("status", catalog.STATUSES),
        ("time_zone", catalog.TIME_ZONES),
        ("columns", (*catalog.CALL_COLUMNS, *catalog.LEGACY_CALL_COLUMNS)),
    ],
)
def test_a_value_outside_an_open_list_is_sent_with_a_warning(name: str, choices: tuple[str, ...]) -> None:
    for choice in choices:
        Query(**{name: choice})  # type: ignore[arg-type]  # a warning would be an error here
    with pytest.warns(UndocumentedValueWarning, match=f"{name} 'brand-new'"):
        query = Query(**{name: "brand-new"})  # type: ignore[arg-type]  # one name at a time
    assert query.parameters(Endpoint.CALLS) == {name: "brand-new"}


@pytest.mark.parametrize(
    "text",
    [
        "2024-06-19 00:00:00 UTC",
        "2024-06-19 00:00:00 +0000",
        "2024-06-19 00:00:00",
        "2024-06-19T00:00:00-07:00",
        "2024-06-19",
        "2024-06-28T21:41:35.977+00:00",
        "2024-06-28T21:41:35Z",
    ],
)
def test_a_date_as_text_is_sent_as_it_is_written(text: str) -> None:
    assert Query(created_at_from=text).parameters(Endpoint.CALLS) == {"created_at_from": text}


def test_an_aware_datetime_is_sent_with_its_own_offset() -> None:
    new_york = ZoneInfo("America/New_York")
    before, after = datetime(2024, 3, 10, tzinfo=new_york), datetime(2024, 3, 11, tzinfo=new_york)
    assert Query(created_at_from=before, created_at_to=after).parameters(Endpoint.STATS) == {
        "created_at_from": "2024-03-10 00:00:00 -0500",
        "created_at_to": "2024-03-11 00:00:00 -0400",
    }
    nepal = timezone(timedelta(hours=5, minutes=45))
    assert Query(ended_at_to=datetime(2024, 3, 10, tzinfo=nepal)).parameters(Endpoint.CALLS) == {
        "ended_at_to": "2024-03-10 00:00:00 +0545"
    }


def test_a_naive_datetime_needs_a_time_zone() -> None:
    naive = datetime(2024, 3, 10, 1, 2, 3)  # noqa: DTZ001  # what is tested
    assert Query(created_at_from=naive, time_zone="EST").parameters(Endpoint.CALLS) == {
        "created_at_from": "2024-03-10 01:02:03",
        "time_zone": "EST",
    }
    with pytest.raises(QueryError, match="created_at_from is 2024-03-10 01:02:03, without an offset"):
        Query(created_at_from=naive)


@pytest.mark.parametrize(
    "digits", ["-1", "0", "32494003", "171883555347870.5", "1.7188355534787E+14", 32494003]
)
def test_a_cursor_is_sent_digit_for_digit(digits: str | int) -> None:
    assert Query(cursor=digits).parameters(Endpoint.CALLS) == {"cursor": str(digits)}


def test_columns_as_one_text_lose_only_their_spaces() -> None:
    assert Query(columns="uuid, created_at").parameters(Endpoint.CALLS) == {"columns": "uuid,created_at"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cursor", 1.7188355534787e14),
        ("cursor", "next"),
        ("cursor", "nan"),
        ("cursor", "1_000"),
        ("cursor", True),
        ("page", 0),
        ("per_page", 0),
        ("per_page", "250"),
        ("buyer_id", "10455172"),
        ("buyer_id", -1),
        ("buyer_id", 1.0),
        ("buyer_id", True),
        ("buyer_group_ids", []),
        ("buyer_group_ids", [7, "8"]),
        ("buyer_converted", "true"),
        ("buyer_converted", 1),
        ("fulltext", ""),
        ("fulltext", 5),
        ("status", 5),
        ("status", ""),
        ("order", 5),
        ("columns", ()),
        ("columns", ""),
        ("columns", 5),
        ("columns", ["uuid", 5]),
        ("created_at_from", "yesterday"),
        ("created_at_from", "19/06/2024"),
        ("created_at_from", "2024-13-45"),
        ("created_at_from", "2023-02-29 00:00:00 UTC"),
        ("created_at_to", "2024-06-19 24:30:00 -0500"),
        ("ended_at_from", "2024-06-19T12:60:00Z"),
        ("created_at_from", 1718835553),
    ],
)
def test_the_error_of_a_wrong_value_names_its_parameter(name: str, value: object) -> None:
    with pytest.raises(QueryError, match=rf"^{name} "):
        Query(**{name: value})  # type: ignore[arg-type]  # what is tested


def test_a_fraction_of_a_second_is_sent() -> None:
    query = Query(created_at_to=datetime(2024, 3, 11, 23, 59, 59, 999_999, UTC))
    assert query.parameters(Endpoint.REPORTS) == {"created_at_to": "2024-03-11 23:59:59.999999 +0000"}
