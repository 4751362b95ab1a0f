"""Calls that are written by hand, and the checks of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.quality.catalog import checks
from trackdrive_assets.quality.checks import run_checks
from trackdrive_assets.quality.result import CheckResult
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS

SETTINGS = Settings(time_zone="America/New_York")
DAY = date(2024, 6, 19)
NOON = datetime(2024, 6, 19, 16, tzinfo=UTC)
NEXT_MORNING = NOON + timedelta(hours=18)

CALL_CHECKS = sorted(checks().keys() - {"yesterday_loaded"})
"""Every check except `yesterday_loaded`, which depends on the clock."""


def run(lake: ClaimedLake, name: str, *days: date, settings: Settings = SETTINGS) -> CheckResult:
    """Run a check on `DAY`, or on other days."""
    ((_, result),) = run_checks([name], lake, settings, days or [DAY])
    assert all(checks()[name].message(code) for code in codes(result))
    return result


def codes(result: CheckResult) -> list[str]:
    """Return the codes of the violations."""
    return [violation.code for violation in result.violations]


def shown(result: CheckResult, *names: str) -> list[tuple[object, ...]]:
    """Return some columns of all violations."""
    return [tuple(row[name] for name in names) for row in result.rows.to_pylist()]


def a_call(number: int = 1, **fields: object) -> dict[str, object]:
    """Return an unanswered call. `fields` are those that matter."""
    return {
        "uuid": f"call-{number}",
        "created_at": NOON,
        "ended_at": NOON + timedelta(minutes=1),
        "status": "no-answer",
        "buyer_converted": False,
        "traffic_source_converted": False,
        "total_duration": 60.0,
    } | fields


def a_sale(number: int, revenue: str | None, payout: str | None, **fields: object) -> dict[str, object]:
    """Return a call that converted for both sides."""
    return a_call(
        number,
        status="finished",
        buyer_id=7,
        buyer_converted=True,
        traffic_source_converted=True,
        revenue=revenue and Decimal(revenue),
        payout=payout and Decimal(payout),
        **fields,
    )


def write_calls(
    lake: ClaimedLake,
    calls: Sequence[Mapping[str, object]],
    *,
    day: date = DAY,
    fetched_at: datetime | None = None,
    counted: int | None = None,
    schema: pa.Schema = CALLS.schema,
) -> None:
    """Store a day. By default, it was fetched on the next morning."""
    with lake.replace("calls", schema, day, fetched_at=fetched_at or NEXT_MORNING + (day - DAY)) as writer:
        writer.api_count = counted
        writer.write(pa.RecordBatch.from_pylist(list(calls), schema=schema))
