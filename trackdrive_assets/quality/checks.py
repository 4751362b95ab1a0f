"""Run checks of the calls.

Not here: when a check runs, and how Dagster shows its result (`dagster.asset_checks`).
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

from trackdrive_assets.lake.store import Lake
from trackdrive_assets.quality.catalog import SCHEMA_MATCHES, YESTERDAY_LOADED, sql_checks
from trackdrive_assets.quality.file_checks import check_schema, check_yesterday
from trackdrive_assets.quality.result import CheckResult
from trackdrive_assets.quality.sql_checks import run_sql_checks
from trackdrive_assets.settings import Settings


def run_checks(
    names: Collection[str], lake: Lake, settings: Settings, days: Sequence[date]
) -> Iterator[tuple[str, CheckResult]]:
    """Run checks on some days, and yield the name and the result of each.

    Files that are missing or not readable are violations, not errors.
    """
    if SCHEMA_MATCHES.name in names:
        yield SCHEMA_MATCHES.name, check_schema(lake, days)
    if YESTERDAY_LOADED.name in names:
        yield YESTERDAY_LOADED.name, check_yesterday(lake, settings)
    yield from run_sql_checks([name for name in names if name in sql_checks()], lake, settings, days)
