"""Changes of a call between two fetches of its day, and differences that are no changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from trackdrive_assets.tables.changes import call_changes
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS
from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets_tests.support.api_calls import batch_of

CREATED = datetime(2024, 6, 19, 12, tzinfo=UTC)
FIRST = datetime(2024, 6, 20, 3, tzinfo=UTC)
SECOND = datetime(2024, 6, 27, 3, tzinfo=UTC)

Row = dict[str, object]


def call(uuid: str = "a", **fields: object) -> Row:
    return {
        "uuid": uuid,
        "created_at": CREATED.isoformat(),
        **{k.replace("__", "-"): v for k, v in fields.items()},
    }


def table(rows: list[Row], at: datetime) -> pa.Table:
    return pa.Table.from_batches([batch_of(rows, fetched_at=at)], schema=CALLS.schema)


def compare(before: list[Row], after: list[Row], *exclude: str) -> pa.Table:
    old, new = table(before, FIRST), table(after, SECOND)
    return call_changes(
        old.column,
        new.column,
        CALLS.schema.names,
        old_fetched_at=FIRST,
        detected_at=SECOND,
        exclude=Exclusion(exclude),
    )


def changed_fields(changes: pa.Table) -> list[tuple[str, str, str | None, str | None]]:
    return [(row["uuid"], row["field"], row["old_value"], row["new_value"]) for row in changes.to_pylist()]


def test_a_call_with_the_same_values_has_no_change() -> None:
    same = call(revenue="10.50", status="finished", token__city="Reno", mood="cheerful")
    found = compare([same], [same])
    assert found.num_rows == 0
    assert found.schema.equals(CALL_CHANGES.schema)


@pytest.mark.parametrize(
    ("field", "before", "after", "old", "new"),
    [
        ("revenue", None, "85.00", None, "85.000000"),
        ("revenue", "85.00", 0, "85.000000", "0.000000"),
        ("buyer_converted", "Not converted", "Converted", "false", "true"),
        ("buyer_converted", "Converted", None, "true", "false"),
        ("buyer_converted", "Converted", "Duplicate", "true", None),
        ("buyer_converted", "Duplicate", None, None, "false"),
        ("status", "in-progress", "finished", "in-progress", "finished"),
        ("buyer_id", 7, 8, "7", "8"),
        ("total_duration", None, 61.5, None, "61.5"),
        ("ended_at", None, "2024-06-19T12:01:00Z", None, "2024-06-19 12:01:00.000000Z"),
        ("recording_url", None, "https://r.example.com/a.mp3?sig=1", None, "https://r.example.com/a.mp3"),
        ("token-city", None, "Reno", None, "Reno"),
        ("token-city", "Reno", "Elko", "Reno", "Elko"),
        ("mood", "calm", "cheerful", "calm", "cheerful"),
        ("carrier", {"hops": 1}, {"hops": 2}, '{"hops":1}', '{"hops":2}'),
    ],
)
def test_a_field_that_differs_is_a_change(
    field: str, before: object, after: object, old: str | None, new: str | None
) -> None:
    found = compare([{**call(), field: before}], [{**call(), field: after}])
    assert found.to_pylist() == [
        {
            "uuid": "a",
            "created_at": CREATED,
            "field": field,
            "old_value": old,
            "new_value": new,
            "detected_at": SECOND,
        }
    ]


def test_a_tag_that_appears_or_disappears_is_a_change_of_that_tag() -> None:
    found = compare([call(token__city="Reno", token__ad="7")], [call(token__city="Reno", token__zip="0")])
    assert changed_fields(found) == [("a", "token-ad", "7", None), ("a", "token-zip", None, "0")]


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("updated_at", "2024-06-19T13:00:00Z", "2024-06-20T13:00:00Z"),
        ("outgoing_webhooks_count", 1, 2),
    ],
)
def test_values_that_always_change_are_ignored(field: str, before: object, after: object) -> None:
    assert compare([{**call(), field: before}], [{**call(), field: after}]).num_rows == 0


def test_a_new_signature_of_a_recording_is_no_change() -> None:
    before, after = (call(recording_url=f"https://r.example.com/a.mp3?sig={n}") for n in (1, 2))
    assert compare([before], [after]).num_rows == 0


def test_money_is_compared_as_an_amount_and_not_as_text() -> None:
    assert compare([call(revenue="85")], [call(revenue=85.0)]).num_rows == 0


def test_a_call_that_disappeared_lost_its_uuid_and_every_value() -> None:
    found = compare([call("a", revenue="5"), call("b")], [call("b")])
    lost = {field: (old, new) for _, field, old, new in changed_fields(found)}
    assert lost["uuid"] == ("a", None)
    assert lost["revenue"] == ("5.000000", None)
    assert set(found["uuid"].to_pylist()) == {"a"}


def test_a_call_that_appeared_late_gained_its_uuid_and_every_value() -> None:
    found = compare([call("b")], [call("a", revenue="5", token__city="Reno"), call("b")])
    gained = {field: (old, new) for _, field, old, new in changed_fields(found)}
    assert gained["uuid"] == (None, "a")
    assert gained["revenue"] == (None, "5.000000")
    assert gained["token-city"] == (None, "Reno")


def test_a_call_that_began_after_the_earlier_fetch_is_not_changed() -> None:
    later = {**call("b"), "created_at": (FIRST + timedelta(seconds=1)).isoformat()}
    assert compare([call("a")], [call("a"), later]).num_rows == 0


def test_calls_are_matched_by_uuid_in_any_order() -> None:
    found = compare(
        [call("a", sub_id="1"), call("b", sub_id="2")], [call("b", sub_id="3"), call("a", sub_id="1")]
    )
    assert changed_fields(found) == [("b", "sub_id", "2", "3")]


@pytest.mark.parametrize("pattern", ["caller_number", "token-city", "token-*", "extra-mood"])
def test_excluded_columns_are_not_compared(pattern: str) -> None:
    before = call(caller_number="+17195550100", token__city="Reno", mood="calm")
    after = call(caller_number="+17195550101", token__city="Elko", mood="cheerful")
    fields = set(compare([before], [after], pattern)["field"].to_pylist())
    hidden = pattern.replace("*", "city").removeprefix("extra-")
    assert fields == {"caller_number", "token-city", "mood"} - {hidden}


def test_a_field_that_becomes_a_column_did_not_disappear_from_extra() -> None:
    old, new = table([call()], FIRST), table([call(sub_id="7")], SECOND)
    extra = pa.chunked_array([['{"sub_id":"7"}']])
    older = old.drop_columns(["sub_id", "extra"]).append_column("extra", extra)
    found = call_changes(
        older.column,
        new.column,
        [name for name in CALLS.schema.names if name != "sub_id"],
        old_fetched_at=FIRST,
        detected_at=SECOND,
        exclude=Exclusion(),
    )
    assert found.num_rows == 0


@pytest.mark.parametrize(
    ("field", "value", "type_name"),
    [
        ("revenue", "85.25", "DECIMAL(18, 6)"),
        ("total_duration", 61.5, "DOUBLE"),
        ("ended_at", "2024-06-19T12:01:00.25Z", "TIMESTAMPTZ"),
        ("buyer_converted", "Converted", "BOOLEAN"),
        ("buyer_id", 7, "BIGINT"),
    ],
)
def test_duckdb_casts_a_value_back(field: str, value: object, type_name: str) -> None:
    day = table([{**call(), field: value}], SECOND)
    (change,) = (row for row in changed_fields(compare([], [{**call(), field: value}])) if row[1] == field)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("day", day)
        same = connection.execute(f"SELECT {field} = CAST(? AS {type_name}) FROM day", [change[3]])
        assert same.fetchone() == (True,)


def test_one_column_at_a_time_is_read() -> None:
    day = table([call()], FIRST)
    read: list[str] = []

    def column(name: str) -> Any:
        read.append(name)
        return day.column(name)

    call_changes(
        column, column, CALLS.schema.names, old_fetched_at=FIRST, detected_at=SECOND, exclude=Exclusion()
    )
    assert {name: read.count(name) for name in ("revenue", "tokens")} == {"revenue": 2, "tokens": 2}
