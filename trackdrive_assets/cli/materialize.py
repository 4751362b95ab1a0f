"""`trackdrive materialize`: a range of days through Dagster in this process, recorded in the Dagster home.

How the run is executed is in `dagster_run.py`, which imports Dagster. The errors of the options and
`--dry-run` need no Dagster.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS, REFERENCE_LISTS, REPORT_CATEGORIES
from trackdrive_assets.cli.dagster_home import account_environment
from trackdrive_assets.cli.env_file import load_env_file
from trackdrive_assets.cli.errors import CliError, ExitCode
from trackdrive_assets.cli.output import table_text
from trackdrive_assets.cli.query_options import DayOption, day_options, requested_days
from trackdrive_assets.cost import count_of, describe_cost, format_duration, requests_of_days
from trackdrive_assets.dagster.garbage import paused_collection
from trackdrive_assets.lake.ownership import check
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.setting_values import nearest
from trackdrive_assets.settings import FETCHED_TABLES, Settings, project_path, variable
from trackdrive_assets.tables.columns import CALLS, REFERENCE, TABLES

EVERY_TABLE = (*FETCHED_TABLES, "views")
_DEFAULT_TABLES = ("calls", "reports", "views")

_OPTIONAL_TABLES = (
    REFERENCE.name,
    *(f"{REFERENCE.name}/{name}" for name in REFERENCE_LISTS),
    *(f"reports/{category}" for category in REPORT_CATEGORIES),
)
"""What settings can switch off. A misspelled name leads to it, and its right name to the setting."""

_EPILOG = """
\b
EXAMPLES
  trackdrive materialize --from yesterday
  trackdrive materialize --from 2024-01-01 --to 2024-12-31 --dry-run
  trackdrive materialize --from 2024-06-01 --to 2024-06-30 --tables calls,stats/status
  trackdrive materialize --from 2024-01-01 --accept-zone

\b
TABLES
  calls, reports, stats and views, or single assets such as reports/buyer_id.
  Statistics are most of the requests of a day, so they are fetched only if you
  name them. --dry-run shows the cost. `reference` has the lists of
  TRACKDRIVE_REFERENCE_TABLES, of today only.

The run appears in the UI of the same DAGSTER_HOME. Finished days stay recorded if
it fails or is ended.
"""


@click.command(epilog=_EPILOG)
@day_options
@click.option(
    "--tables", help=f"Tables and assets, separated by commas.  [default: {','.join(_DEFAULT_TABLES)}]"
)
@click.option("--dry-run", is_flag=True, help="Print the cost in requests and time, and fetch nothing.")
@click.option("--verbose", is_flag=True, help="Print the log of the run instead of a progress bar.")
@click.option(
    "--accept-zone",
    is_flag=True,
    help="Change the lake to TRACKDRIVE_TIME_ZONE. The range must cover all its days.",
)
def materialize(
    *,
    from_day: DayOption,
    to_day: DayOption,
    tables: str | None,
    dry_run: bool,
    verbose: bool,
    accept_zone: bool,
) -> None:
    """Fetch days with Dagster, and store them in the lake."""
    load_env_file()
    settings = Settings.read(os.environ)
    first, last = _days(settings, from_day, to_day)
    if accept_zone and tables is not None:
        raise click.UsageError("--accept-zone replaces every table. Leave out --tables.")
    default = EVERY_TABLE if accept_zone else _DEFAULT_TABLES
    names = default if tables is None else selected_names(tables, settings)
    _refuse_past_lists(names, first, settings.time_zone)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    lake = Lake(project_path(settings.lake, os.environ))
    if not accept_zone:
        # The steps of a run check it too. But a run that cannot succeed needs no record.
        check(lake, account=settings.host, time_zone=settings.time_zone)
    if dry_run:
        click.echo("\n".join(cost_lines(settings, names, days, stored_calls(lake, days))))
        return
    os.environ.update(account_environment(settings, os.environ))
    settings = Settings.read(os.environ)
    # Missing credentials end the command before a run is recorded.
    click.echo(f"{settings.address} with {settings.credentials}.")
    requests = sum(requests_of_days(settings, names, [0] * len(days)).values())
    cost = describe_cost(settings, requests) if requests else "no request"
    click.echo(f"{describe_span(days)} of {', '.join(names)}: {cost}.")
    # It imports Dagster, for which wrong options and --dry-run should not wait.
    with paused_collection():
        from trackdrive_assets.cli.dagster_run import materialize_days  # noqa: PLC0415

    summary = materialize_days(
        settings, first, last, names, accept_zone=accept_zone, shows="log" if verbose else "days"
    )
    seconds = f"{summary.seconds:,.1f} s"
    if not summary.succeeded:
        recorded = f"Days that are recorded: {summary.recorded}. " if summary.recorded else ""
        # Only recorded days have a number of requests, so their sum is not that of a failed run.
        raise CliError(f"The run failed after {seconds}. {recorded}The UI has its log.", ExitCode.REFUSED)
    cost = f"{count_of(sum(summary.requests.values()), 'request')}, {seconds}"
    calls = [count_of(summary.rows["calls"], "call")] if "calls" in names else []
    done = ", ".join([count_of(len(days), "day"), *calls, cost])
    click.echo(f"Done: {done}. The lake is {settings.lake}.")


def _days(settings: Settings, from_day: DayOption, to_day: DayOption) -> tuple[date, date]:
    """Return the first and the last day, which have partitions."""
    days = requested_days(settings.time_zone, from_day, to_day)
    if days is None:
        raise click.UsageError("--from is missing: the first day.")
    first, last = days
    today = datetime.now(UTC).astimezone(ZoneInfo(settings.time_zone)).date()
    if last > today:
        raise click.UsageError(
            f"--to {last} has not begun: today is {today} in {settings.time_zone}. Use --to today."
        )
    if first < settings.start_date:
        raise click.UsageError(
            f"--from {first} is before the first partition, {settings.start_date}. Use a later day, or set "
            f"{variable('start_date')}."
        )
    return first, last


def _refuse_past_lists(names: Sequence[str], first: date, time_zone: str) -> None:
    """Refuse reference lists of a past day before the run, in which that day would fail."""
    today = datetime.now(UTC).astimezone(ZoneInfo(time_zone)).date()
    if first < today and any(name.partition("/")[0] == REFERENCE.name for name in names):
        raise click.UsageError(
            "The API has the reference lists only as they are now. Use --from today for them."
        )


def selected_names(text: str, settings: Settings) -> tuple[str, ...]:
    """Return the names of tables and single assets, without the assets of a table that is named too.

    Raises:
        click.BadParameter: A name is neither a table nor an asset.
    """
    groups = {
        "reports": settings.fetched_categories,
        "stats": LEGACY_GROUP_BYS,
        "reference": settings.fetched_lists,
        "views": (*(table.name for table in TABLES), *views()),
    }
    tables = [*EVERY_TABLE, REFERENCE.name] if settings.fetched_lists else EVERY_TABLE
    known = [*tables, *(f"{table}/{name}" for table, names in groups.items() for name in names)]
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in known:
            found = nearest(name, [*known, *_OPTIONAL_TABLES])
            advice = f"Did you mean {found}?" if found else f"The tables are {', '.join(tables)}."
            reason = _why_off(name, settings) or f"{name!r} is not a table. {advice}"
            raise click.BadParameter(reason, param_hint="--tables")
    return tuple(name for name in names if name in tables or name.partition("/")[0] not in names)


def _why_off(name: str, settings: Settings) -> str | None:
    """Return why the settings fetch nothing under a name of the API. None for another name."""
    table, _, part = name.partition("/")
    if table == REFERENCE.name:
        field, possible, configured = "reference_tables", tuple(REFERENCE_LISTS), settings.reference_tables
    elif table == "reports":
        field, possible, configured = "report_categories", REPORT_CATEGORIES, settings.report_categories
    else:
        return None
    parts = {part} if part else set(possible)
    if not parts <= {*possible, *configured}:
        return None
    if parts & set(configured):
        return f"{name} is not fetched, because {variable('exclude_columns')} excludes it."
    if part:
        return f"{name} is not fetched. Add {part} to {variable(field)}."
    return f"{name} is not fetched. Set {variable(field)} to some of {', '.join(possible)}."


def stored_calls(lake: Lake, days: Sequence[date]) -> dict[date, int]:
    """Return the number of calls of the days that the lake has."""
    counts = {}
    for day in set(days).intersection(lake.days(CALLS.name)):
        with lake.open_day(CALLS.name, day) as file:
            counts[day] = file.rows if file else 0
    return counts


def cost_lines(
    settings: Settings, names: Sequence[str], days: Sequence[date], calls: Mapping[date, int]
) -> Iterator[str]:
    """Yield the cost of days in requests and time, and the advice to leave out statistics at first.

    Args:
        settings: The settings of the deployment.
        names: The names of tables and single assets.
        days: The days.
        calls: The number of calls of the days for which it is known.
    """
    requests = requests_of_days(settings, names, [calls.get(day, 0) for day in days])
    total, rate = sum(requests.values()), settings.requests_per_second
    yield f"{describe_span(days)}. Nothing is fetched."
    yield table_text(
        ["table", " requests", "shortest time"],
        [
            [name, f"{count:9,}", format_duration(count / rate) if rate else "no rate limit"]
            for name, count in [*requests.items(), ("all", total)]
        ],
    )
    if "calls" in requests:
        yield (
            f"The lake has calls of {len(calls):,} of these days, which take a request for each "
            f"{settings.per_page}. Another day counts as one request."
        )
    if rate:
        yield (
            f"{rate:g} requests per second need responses within {settings.max_concurrency / rate:.1f} s, "
            f"because {settings.max_concurrency} are in flight at the same time."
        )
    stats = sum(count for name, count in requests.items() if name.startswith("stats"))
    if 0 < stats < total:
        options = f"--from {days[0]} --to {days[-1]} --tables {','.join(_DEFAULT_TABLES)}"
        yield f"{stats / total:.0%} of the requests are statistics. Take calls and reports first:"
        yield f"  trackdrive materialize {options}"


def describe_span(days: Sequence[date]) -> str:
    """Return consecutive days for a sentence."""
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days):,} days)"
