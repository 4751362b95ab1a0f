"""The picture and the first rows of a day in the UI, without data about callers."""

import base64
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
import pytest
from PIL import Image

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.assets.calls import calls_metadata
from trackdrive_assets.dagster.assets.step_run import DAYS_WITH_PREVIEW
from trackdrive_assets.dagster.charts import MAX_BUYERS, draw_day, largest, shorten
from trackdrive_assets.dagster.previews import SHOWN_COLUMNS, calls_by_hour, revenue_by_buyer
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.calls import store_calls
from trackdrive_assets.lake.day_writer import FIRST_ROWS
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS, schemas
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS
from trackdrive_assets.tables.totals import call_totals
from trackdrive_assets_tests.conftest import Pipeline
from trackdrive_assets_tests.support.api_calls import batch_of

DAY = "2024-03-10"
PAPER = 240
"""The brightness, of 255, from which a pixel counts as white."""


def totals_of(*rows: dict[str, object]) -> pa.Table:
    """Return the sums of calls as the API sends them."""
    created = {"created_at": "2024-03-10T12:00:00Z"}
    batch = batch_of(
        [{"uuid": str(n), **created, **row} for n, row in enumerate(rows)], fetched_at=datetime.now(UTC)
    )
    return call_totals(pa.Table.from_batches([batch]))


def first_rows(pipeline: Pipeline, key: str) -> list[dg.TableRecord]:
    table = pipeline.materialized(key)[DAY]["first_rows"]
    assert isinstance(table, dg.TableMetadataValue)
    return list(table.records)


def drawn(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png)).convert("RGB")


def ink(image: Image.Image, left: int, right: int) -> int:
    """Return the number of pixels between two edges that are not white."""
    part = image.convert("L").crop((left, 36, right, image.height - 28))
    return sum(part.histogram()[:PAPER])


def test_a_day_of_calls_has_a_picture_for_the_browser(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", DAY)
    shown = str(pipeline.materialized("calls")[DAY]["picture"])
    start = "![Calls by hour, revenue by buyer](data:image/png;base64,"
    assert shown.startswith(start)
    image = drawn(base64.b64decode(shown.removeprefix(start).removesuffix(")")))
    assert ink(image, 0, 430) > 1000
    assert ink(image, 440, 900) > 1000


def test_a_day_without_calls_has_a_picture_too(pipeline: Pipeline) -> None:
    with pipeline.lake.stage("calls", CALLS.schema, date.fromisoformat(DAY), sort_by="created_at") as writer:
        stored = store_calls(
            pipeline.lake, exact_day(date.fromisoformat(DAY), ZoneInfo("UTC")), writer, NO_EXCLUSIONS
        )
    assert "picture" in calls_metadata(DagsterAccount(Settings()), stored)[dg.AssetKey("calls")]


def test_the_picture_of_a_day_without_calls_has_no_bars() -> None:
    empty, full = draw_day([0] * 24, [], "UTC"), draw_day([5] * 24, [("Acme", Decimal(9))], "UTC")
    assert ink(drawn(empty), 0, 430) < ink(drawn(full), 0, 430) / 10


def test_more_calls_in_an_hour_are_a_higher_column() -> None:
    image = drawn(draw_day([10, *[0] * 22, 5], [], "UTC"))
    first, last = ink(image, 16, 33), ink(image, 390, 430)
    assert first > 1.5 * last > 0


def test_names_with_letters_that_the_font_lacks_are_drawn() -> None:
    assert draw_day([1], [("Señor Müller", Decimal(1)), ("日本", Decimal(2)), ("", Decimal(3))], "UTC")


class CountingFont:
    """A font whose letters are 6 pixels wide, and the number of letters that were measured."""

    measured = 0

    def getlength(self, text: str) -> float:
        self.measured += len(text)
        return 6.0 * len(text)


@pytest.mark.parametrize("letter", ["a", "e\u0301", "\ufdfa", "日"])
@pytest.mark.parametrize("length", [5_000, 1_000_000])
def test_a_name_of_any_length_is_shortened_in_the_same_time(letter: str, length: int) -> None:
    font: Any = CountingFont()
    assert shorten(letter * length, font, 140).endswith("…")
    assert len(shorten(letter * length, font, 140)) <= 140 / 6
    assert font.measured < 50_000


def test_a_short_name_is_not_shortened() -> None:
    font: Any = CountingFont()
    assert shorten("Señor Müller", font, 140) == "Senor Muller"
    assert shorten("a" * 30, font, 140) == "a" * 22 + "…"


def test_a_long_text_of_the_first_rows_is_shortened(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_call(pipeline.day(DAY).start, buyer="b" * 5_000)
    pipeline.materialize("calls", DAY)
    assert first_rows(pipeline, "calls")[0].data["buyer"] == "b" * 200 + "…"


def test_a_picture_shows_the_largest_buyers_and_the_sum_of_the_others() -> None:
    many = [(f"Buyer {n}", Decimal(n)) for n in range(1, 21)]
    chosen = largest(many)
    assert [name for name, _ in chosen[:2]] == ["Buyer 20", "Buyer 19"]
    assert chosen[-1] == (f"{20 - MAX_BUYERS} others", Decimal(sum(range(1, 21 - MAX_BUYERS))))
    assert sum(amount for _, amount in chosen) == sum(range(1, 21))


def test_hours_are_on_the_accounts_clock() -> None:
    table = totals_of({"created_at": "2024-03-10T06:59:59Z"}, {"created_at": "2024-03-10T07:00:00Z"})
    by_hour = calls_by_hour(table, "America/New_York")
    assert (len(by_hour), by_hour[1], by_hour[3], sum(by_hour)) == (24, 1, 1, 2)


def test_a_buyer_that_was_renamed_is_one_buyer() -> None:
    table = totals_of(
        {"buyer_id": 7, "buyer": "Acme", "revenue": "10.00"},
        {"buyer_id": 7, "buyer": "Acme Inc", "revenue": "2.50"},
        {"buyer": None, "revenue": None},
    )
    assert revenue_by_buyer(table) == [("Acme Inc", Decimal("12.50"))]


def test_revenue_and_buyers_of_the_legacy_api_are_found() -> None:
    table = totals_of({"user_buyer_id": "b-1", "buyer": "Acme", "buyer_revenue": "10.00"})
    assert revenue_by_buyer(table) == [("Acme", Decimal(10))]


def test_hidden_amounts_are_unknown_and_not_zero() -> None:
    assert revenue_by_buyer(totals_of({"buyer_id": 7, "buyer": "Acme"})) == [("Acme", None)]


def test_the_first_rows_are_those_of_the_file(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", DAY)
    table = first_rows(pipeline, "calls")
    rows = (
        pipeline.lake.read("calls", CALLS.schema, [date.fromisoformat(DAY)]).slice(0, FIRST_ROWS).to_pylist()
    )
    assert [record.data["created_at"] for record in table] == [
        f"{row['created_at']:%Y-%m-%d %H:%M:%S}" for row in rows
    ]
    assert [record.data["revenue"] for record in table] == [
        row["revenue"] and float(row["revenue"]) for row in rows
    ]


def test_every_table_shows_own_columns_without_personal_data() -> None:
    personal = {"caller_number", "obfuscated_caller_number", "name", "tokens", "token_values", "extra", "row"}
    for table, names in SHOWN_COLUMNS.items():
        assert set(names) <= set(schemas()[table].names)
        assert not personal & {*names}
        assert not {"old_value", "new_value"} & {*names}


def test_no_row_of_the_report_by_contact_names_a_caller(pipeline: Pipeline) -> None:
    pipeline.materialize("key:reports/contact_id", DAY)
    table = first_rows(pipeline, "reports/contact_id")
    assert table
    assert "calls" in table[0].data
    assert not {"group_value", "group_name"} & table[0].data.keys()


def test_each_report_and_series_shows_its_first_rows(pipeline: Pipeline) -> None:
    pipeline.materialize('key:"reports/buyer_id" or key:"stats/status"', DAY)
    for key in ("reports/buyer_id", "stats/status"):
        assert 0 < len(first_rows(pipeline, key)) <= FIRST_ROWS


def test_only_the_last_days_of_a_range_have_previews(pipeline: Pipeline) -> None:
    last = date.fromisoformat(DAY)
    days = [str(last - timedelta(days=number)) for number in range(DAYS_WITH_PREVIEW, -1, -1)]
    pipeline.materialize('key:calls or key:"reports/status"', days[0], days[-1])
    for key, previews in (
        ("calls", {"picture", "first_rows"}),
        ("call_changes", {"first_rows"}),
        ("reports/status", {"first_rows"}),
    ):
        recorded = pipeline.materialized(key)
        assert [previews & recorded[day].keys() for day in days] == [set(), *[previews] * DAYS_WITH_PREVIEW]
        assert {"dagster/partition_row_count", "bytes"} <= recorded[days[0]].keys()
