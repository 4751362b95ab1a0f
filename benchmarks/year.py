"""Build the lake of an account with 20,000 calls a day after a year: `python -m benchmarks.year FOLDER`.

The rows are those of one week of the sandbox. The other weeks repeat them under other ids. `Lake.replace`
writes everything, so the files are those of a deployment. Each day has its calls, their sums, a report per
category, a series of statistics per group, and the changes that a look-back of 30 days detects. Not here: the
measurements (`views.py`).
"""

import argparse
import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS, REPORT_CATEGORIES
from trackdrive_assets.api.rows import Rows
from trackdrive_assets.lake.day_parts import fetched_part
from trackdrive_assets.lake.identity import LakeIdentity
from trackdrive_assets.lake.ownership import claim
from trackdrive_assets.lake.store import ClaimedLake, Lake
from trackdrive_assets.sandbox.call import Call
from trackdrive_assets.sandbox.generator import CallGenerator
from trackdrive_assets.sandbox.times import milliseconds
from trackdrive_assets.tables.calls import parse_calls
from trackdrive_assets.tables.columns import CALL_CHANGES, CALL_TOTALS, CALLS, REPORTS, STATS
from trackdrive_assets.tables.totals import call_totals, sum_totals

# A zone without daylight saving time, so that every week is the first one moved.
TIME_ZONE = "America/Phoenix"
CALLS_PER_DAY = 20_000
LAST_DAY = date(2026, 6, 30)
LOOK_BACK = 30

_FIRST_WEEK = date(2024, 1, 1)
_NIGHT = time(3, tzinfo=ZoneInfo(TIME_ZONE))
_MIDNIGHT = time(tzinfo=ZoneInfo(TIME_ZONE))
_WEEK = timedelta(weeks=1)
_IDS_OF_A_WEEK = 7 * 100_000
# Only every tenth call changes. With all the sandbox's changes a day would have thousands of rows.
_CHANGING = 10
_CHANGED = (
    "buyer_converted",
    "revenue",
    "buyer_revenue",
    "traffic_source_converted",
    "payout",
    "traffic_source_payout",
)

# The expression of each category that is not a column of a call.
_COLUMNS = {
    "direction": "type",
    "sub_status": "status",
    "provider_configuration_id": "provider",
    "contact_id": "caller_number",
    "placed_on_hold": "hold_duration > 0",
    "contact_state": "tokens['state']",
    "contact_country": "caller_country",
    "offer_converted": "traffic_source_converted",
    "in_progress": "ended_at IS NULL",
}
_NAMES = {"buyer_id": "buyer", "offer_id": "offer", "traffic_source_id": "traffic_source"}


@dataclass(frozen=True)
class Template:
    """The tables of one weekday in the first week.

    Attributes:
        calls: The calls, ascending by `created_at`.
        changed: The position in `calls` of the call of each row of `changes`.
        changes: The changes that the next 30 days detect.
        reports: The reports by category.
        stats: The series of statistics by group.
    """

    calls: pa.RecordBatch
    changed: pa.Array
    changes: pa.RecordBatch
    reports: dict[str, pa.RecordBatch]
    stats: dict[str, pa.RecordBatch]


def build(
    lake: ClaimedLake, days: int, last_day: date = LAST_DAY, calls_per_day: int = CALLS_PER_DAY
) -> None:
    """Write a number of days up to the last one."""
    generator = CallGenerator(7, calls_per_day, _FIRST_WEEK - timedelta(days=1))
    templates = [_template(generator, _FIRST_WEEK + timedelta(days=n)) for n in range(7)]

    def write(day: date) -> None:
        _write_day(lake, day, last_day, templates[day.weekday()])

    with ThreadPoolExecutor() as pool:
        for done, _ in enumerate(pool.map(write, (last_day - timedelta(days=n) for n in range(days))), 1):
            print(f"\r{done} of {days} days", end="", file=sys.stderr)
    print(file=sys.stderr)


def _template(generator: CallGenerator, day: date) -> Template:
    """Return the tables of a day of the sandbox."""
    start = datetime.combine(day, _MIDNIGHT)
    simulated = list(generator.oldest_first(milliseconds(start), milliseconds(start + timedelta(days=1))))
    calls = _fetched(generator, simulated, _fetch_time(day, LOOK_BACK))
    changed, changes = _changes(generator, day, simulated)
    with duckdb.connect() as connection:
        connection.register("calls", calls)
        reports = {category: _report(connection, category) for category in REPORT_CATEGORIES}
        stats = {group_by: _series(connection, group_by) for group_by in LEGACY_GROUP_BYS}
    return Template(calls, changed, changes, reports, stats)


def _fetch_time(day: date, days_after: int) -> datetime:
    """Return the time at which a day is fetched, a number of days after its start."""
    return datetime.combine(day + timedelta(days=days_after), _NIGHT)


def _fetched(generator: CallGenerator, calls: list[Call], instant: datetime) -> pa.RecordBatch:
    """Return calls as the API sends them at a time."""
    rows = Rows.of([generator.row(call, milliseconds(instant)) for call in calls])
    return parse_calls(rows.columns, len(rows), fetched_at=instant)


def _changes(generator: CallGenerator, day: date, calls: list[Call]) -> tuple[pa.Array, pa.RecordBatch]:
    """Return the changes that each night detects, and the positions of their calls."""
    positions: list[int] = []
    rows: list[dict[str, Any]] = []
    for night in range(1, LOOK_BACK):
        before, after = _fetch_time(day, night), _fetch_time(day, night + 1)
        moved = [
            position
            for position in range(0, len(calls), _CHANGING)
            if calls[position].next_change(milliseconds(before)) <= milliseconds(after)
        ]
        old_values, new_values = (
            _fetched(generator, [calls[p] for p in moved], instant) for instant in (before, after)
        )
        for field in _CHANGED:
            texts = zip(
                moved,
                *(batch[field].cast(pa.string()).to_pylist() for batch in (old_values, new_values)),
                strict=True,
            )
            for position, old, new in texts:
                if old != new:
                    created_at = datetime.fromtimestamp(calls[position].created / 1000, UTC)
                    positions.append(position)
                    rows.append(
                        {
                            "created_at": created_at,
                            "field": field,
                            "old_value": old,
                            "new_value": new,
                            "detected_at": after,
                        }
                    )
    return pa.array(positions, pa.int64()), pa.RecordBatch.from_pylist(rows, CALL_CHANGES.schema)


def _report(connection: duckdb.DuckDBPyConnection, category: str) -> pa.RecordBatch:
    return _query(
        connection,
        REPORTS.schema,
        f"""
        SELECT '{category}' AS category, *, CAST(to_json(figures) AS VARCHAR) AS row FROM (
            SELECT
                CAST({_COLUMNS.get(category, category)} AS VARCHAR) AS group_value,
                any_value({_NAMES.get(category, "NULL")}) AS group_name,
                count(*) AS calls,
                count(*) FILTER (buyer_converted) AS buyer_conversions,
                count(*) FILTER (traffic_source_converted) AS traffic_source_conversions,
                coalesce(sum(revenue), 0) AS revenue,
                coalesce(sum(payout), 0) AS payout,
                sum(trackdrive_cost + provider_cost) AS cost,
                coalesce(sum(revenue), 0) - coalesce(sum(payout), 0) AS profit,
                avg(total_duration) AS average_duration
            FROM calls
            GROUP BY 1
        ) AS figures
        """,  # noqa: S608  names of this module
    )


def _series(connection: duckdb.DuckDBPyConnection, group_by: str) -> pa.RecordBatch:
    return _query(
        connection,
        STATS.schema,
        f"""
        SELECT
            '{group_by}' AS group_by,
            time_bucket(INTERVAL 1 HOUR, created_at) AS interval_start,
            interval_start + INTERVAL 1 HOUR AS interval_end,
            CAST({_COLUMNS.get(group_by, group_by)} AS VARCHAR) AS group_value,
            count(*) AS count,
            coalesce(sum(revenue), 0) AS revenue,
            coalesce(sum(revenue), 0) - coalesce(sum(payout), 0) AS profit,
            sum(trackdrive_cost + provider_cost) AS cost
        FROM calls
        GROUP BY ALL
        ORDER BY ALL
        """,  # noqa: S608  names of this module
    )


def _query(connection: duckdb.DuckDBPyConnection, schema: pa.Schema, sql: str) -> pa.RecordBatch:
    result = connection.sql(sql).to_arrow_table().select(schema.names).cast(schema)
    return result.combine_chunks().to_batches()[0]


def _write_day(lake: ClaimedLake, day: date, last_day: date, template: Template) -> None:
    weeks = (day - _FIRST_WEEK) // _WEEK
    first = _fetch_time(day, 1)
    # The look-back has not ended yet for the days of the last month.
    last = min(_fetch_time(day, LOOK_BACK), _fetch_time(last_day, 1))
    uuids = _uuids(template.calls.num_rows)
    calls = _later(template.calls, weeks)
    calls = _with(calls, "uuid", uuids)
    calls = _with(calls, "id", pc.add(calls["id"], weeks * _IDS_OF_A_WEEK))
    changes = _with(_later(template.changes, weeks), "uuid", uuids.take(template.changed))
    if first < last:
        with lake.replace(CALLS.name, CALLS.schema, day, fetched_at=first):
            pass
    with lake.replace(CALLS.name, CALLS.schema, day, sort_by="created_at", fetched_at=last) as writer:
        writer.api_count = calls.num_rows
        for offset in range(0, calls.num_rows, 1000):
            writer.write(calls.slice(offset, 1000))
    with lake.replace(CALL_TOTALS.name, CALL_TOTALS.schema, day, fetched_at=last) as writer:
        for totals in sum_totals([call_totals(pa.Table.from_batches([calls]))], last).to_batches():
            writer.write(totals)
    with lake.replace(CALL_CHANGES.name, CALL_CHANGES.schema, day, fetched_at=last) as writer:
        writer.write(changes)
    reports = {category: fetched_part(report, last) for category, report in template.reports.items()}
    lake.replace_parts(REPORTS.name, REPORTS.schema, day, reports)
    series = {
        group_by: fetched_part(_later(stats, weeks), first) for group_by, stats in template.stats.items()
    }
    lake.replace_parts(STATS.name, STATS.schema, day, series)


def _later(batch: pa.RecordBatch, weeks: int) -> pa.RecordBatch:
    """Return a batch with every instant a number of weeks later."""
    shift = pa.scalar(weeks * _WEEK, pa.duration("us"))
    moved = [
        pc.add(column, shift) if pa.types.is_timestamp(column.type) else column for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(moved, schema=batch.schema)


def _with(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    return batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), values)


def _uuids(count: int) -> pa.Array:
    digits = np.frombuffer(secrets.token_bytes(16 * count).hex().encode(), "S1").reshape(count, 32)
    dash = np.full((count, 1), b"-")
    parts: list[Any] = []
    for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)):
        parts += [digits[:, start:end], dash]
    texts = np.ascontiguousarray(np.hstack(parts[:-1])).view("S36").ravel()
    return pa.array(texts).cast(pa.string())


def _arguments() -> Iterator[Any]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the new lake")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--last-day", type=date.fromisoformat, default=LAST_DAY)
    parser.add_argument("--calls-per-day", type=int, default=CALLS_PER_DAY)
    yield from vars(parser.parse_args()).values()


if __name__ == "__main__":
    folder, *sizes = _arguments()
    build(claim(Lake(folder), LakeIdentity("localhost", "UTC")), *sizes)
