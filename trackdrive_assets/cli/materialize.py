"""`trackdrive materialize`: a range of days through Dagster in this process, recorded in the Dagster home."""

import os
import time
from collections.abc import Mapping, Sequence
from datetime import date

import click
import dagster as dg

from trackdrive_assets.cli.dagster_home import account_environment
from trackdrive_assets.cli.env_file import load_env_file
from trackdrive_assets.cli.errors import CliError, ExitCode
from trackdrive_assets.cli.query_options import CONTEXT, DayOption, day_options, requested_days
from trackdrive_assets.cli.signals import dagster_signals
from trackdrive_assets.dagster.zone_change import ACCEPT_ZONE
from trackdrive_assets.definitions import build_definitions
from trackdrive_assets.settings import Settings

# The checks compare calls with reports and statistics, so calls are the last of the three.
STEPS = ("reports", "stats", "calls", "views")
"""The steps in the order in which they run. Each is a run of its own."""

_EPILOG = """
\b
EXAMPLES
  trackdrive materialize --from yesterday
  trackdrive materialize --from 2024-06-01 --to 2024-06-30 --tables calls,views
  trackdrive materialize --from 2024-01-01 --accept-zone

The runs appear in the UI of the same DAGSTER_HOME.
"""


class _Tables(click.ParamType):  # type: ignore[type-arg]  # generic only in later releases
    """Names of steps, separated by commas."""

    name = "tables"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> object:
        """Return the steps in the order in which they run."""
        names = {name.strip() for name in str(value).split(",")}
        if unknown := sorted(names - set(STEPS)):
            self.fail(f"{unknown[0]!r} is not one of {', '.join(STEPS)}.", parameter, context)
        return tuple(step for step in STEPS if step in names)


@click.command(epilog=_EPILOG, context_settings=CONTEXT)
@day_options
@click.option("--tables", type=_Tables(), help=f"Tables, separated by commas.  [default: {','.join(STEPS)}]")
@click.option(
    "--accept-zone",
    is_flag=True,
    help="Change the lake to TRACKDRIVE_TIME_ZONE. The range must cover all its days.",
)
def materialize(
    *, from_day: DayOption, to_day: DayOption, tables: tuple[str, ...] | None, accept_zone: bool
) -> None:
    """Fetch days with Dagster, and store them in the lake."""
    load_env_file()
    settings = Settings.read(os.environ)
    days = requested_days(settings.time_zone, from_day, to_day)
    if days is None:
        raise click.UsageError("--from is missing: the first day.")
    if accept_zone and tables not in {None, STEPS}:
        raise click.UsageError("--accept-zone replaces every table. Leave out --tables.")
    os.environ.update(account_environment(settings, os.environ))
    settings = Settings.read(os.environ)
    # Missing credentials end the command before a run is recorded.
    click.echo(f"{settings.address} with {settings.credentials}. The lake is {settings.lake}.")
    failed = materialize_days(settings, *days, tables or STEPS, {ACCEPT_ZONE: "true"} if accept_zone else {})
    if failed:
        raise CliError(f"Failed: {', '.join(failed)}. The UI has the log of each run.", ExitCode.REFUSED)


def materialize_days(
    settings: Settings, first: date, last: date, steps: Sequence[str] = STEPS, tags: Mapping[str, str] = {}
) -> list[str]:
    """Materialize days with the Dagster home of the environment, and print one line for each step.

    Args:
        settings: The settings of the account.
        first: The first day.
        last: The last day, included.
        steps: Some of `STEPS`.
        tags: More tags of the runs.

    Returns:
        The steps that failed. Their errors were printed.
    """
    definitions = build_definitions(settings)
    job = definitions.resolve_implicit_global_asset_job_def()
    assets = [found for found in definitions.assets or () if isinstance(found, dg.AssetsDefinition)]
    keys = {found.op.name: found.keys for found in assets}
    span = {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    failed: list[str] = []
    with dg.DagsterInstance.get() as instance:
        for step in steps:
            if failed and step == "views":
                # A step that failed has built the views itself, if it stored a day.
                continue
            started_at = time.monotonic()
            click.echo(f"Materializing {step:8}{first} to {last} … ", nl=False)
            with dagster_signals():
                result = job.execute_in_process(
                    instance=instance,
                    asset_selection=list(keys[step]),
                    tags={**span, **tags},
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                    raise_on_error=False,
                )
            count = len({event.asset_key for event in result.get_asset_materialization_events()})
            noun = "asset " if count == 1 else "assets"
            click.echo(f"{count:3} {noun} in {time.monotonic() - started_at:.1f} s")
            if not result.success:
                failed.append(step)
                click.echo(_errors(result), err=True)
    return failed


def _errors(result: dg.ExecuteInProcessResult) -> str:
    """Return the errors of a run, as the UI shows them."""
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    messages = [
        *(
            f"The check {check.check_name} failed. {check.description}"
            for check in result.get_asset_check_evaluations()
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
        ),
        *(str(failure.user_failure_data.description) for failure in failures if failure.user_failure_data),
    ]
    if not messages:
        messages = [failure.error.to_string() for failure in failures if failure.error]
    return "\n".join(messages) or "The run failed."
