"""The asset checks of `calls`: when each runs, and how Dagster shows its result.

What a check is, and how it runs, is in `quality`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import dagster as dg

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.quality.catalog import Check, checks
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS

if TYPE_CHECKING:
    from trackdrive_assets.lake.store import Lake
    from trackdrive_assets.quality.result import CheckResult, Violation

# The step with warnings comes after the reports and statistics of the same run, which it compares with, even
# if one of them was refused. A dependency would not do: Dagster skips what depends on a failed step.
_LAST = {"dagster/priority": "-4"}

_COMPARES_WITH_API = "matches_api_"

_SHOWN_ROWS = 50
_LISTED_DAYS = 5
_LONGEST_CELL = 200


def build_checks(account: DagsterAccount) -> list[dg.AssetChecksDefinition]:
    """Return two steps of a run: one that the views wait for, and one that comes last and stops nothing."""
    selected = [check for check in checks().values() if _is_configured(check, account.settings)]
    errors = [check for check in selected if check.severity == "error"]
    warnings = [check for check in selected if check.severity == "warning"]
    return [
        _step("calls_are_right", errors, account),
        _step("calls_are_plausible", warnings, account, op_tags=_LAST),
    ]


def _is_configured(check: Check, settings: Settings) -> bool:
    """Return whether the lake has what a check compares with: a report may not be among the categories."""
    category = check.name.removeprefix(f"{_COMPARES_WITH_API}report_")
    return category == check.name or category in settings.fetched_categories


def _step(
    name: str,
    step_checks: Sequence[Check],
    account: DagsterAccount,
    *,
    op_tags: Mapping[str, str] | None = None,
) -> dg.AssetChecksDefinition:
    asset = account.key(CALLS.name)

    @dg.multi_asset_check(
        name=account.qualified(name),
        specs=[
            dg.AssetCheckSpec(
                check.name, asset=asset, description=check.description, blocking=check.severity == "error"
            )
            for check in step_checks
        ],
        can_subset=True,
        op_tags=op_tags,
        required_resource_keys={account.qualified("lake")},
    )
    def step(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        from trackdrive_assets.quality.checks import run_checks  # noqa: PLC0415  # imports DuckDB

        try:
            opened = account.resource(context, "lake").open()
        except LakeError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        days = opened.days(CALLS.name)
        # A check that is launched alone has no partition, and checks every day.
        if context.has_partition_key or context.has_partition_key_range:
            days = _days_to_check(context.partition_keys, days, account.settings)
        selected = {key.name for key in context.selected_asset_check_keys}
        names = [check.name for check in step_checks if check.name in selected]
        for check_name, result in run_checks(names, opened, account.settings, days):
            yield _asset_check_result(asset, checks()[check_name], result)

    return step


def evaluate_without_reports(
    context: dg.AssetExecutionContext, lake: "Lake", account: DagsterAccount
) -> None:
    """Evaluate the checks of a run whose step of the calls fails although it stored days.

    Dagster skips the checks of a failed step. Those that compare with reports and statistics stay skipped,
    because these come later.
    """
    from trackdrive_assets.quality.checks import run_checks  # noqa: PLC0415  # imports DuckDB

    planned = context.instance.all_logs(
        context.run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    )
    names = {entry.get_dagster_event().asset_check_planned_data.check_name for entry in planned}
    names = {name for name in names & checks().keys() if not name.startswith(_COMPARES_WITH_API)}
    asset = account.key(CALLS.name)
    # A day that was never stored has no file, and its failure is reported by the step.
    stored = lake.days(CALLS.name)
    days = [day for day in _days_to_check(context.partition_keys, stored, account.settings) if day in stored]
    for check_name, result in run_checks(names, lake, account.settings, days):
        found = _asset_check_result(asset, checks()[check_name], result)
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=asset,
                check_name=check_name,
                passed=found.passed,
                severity=found.severity,
                description=found.description,
                metadata=found.metadata,
            )
        )


def _days_to_check(partition_keys: Sequence[str], stored: Sequence[date], settings: Settings) -> list[date]:
    fetched = {date.fromisoformat(key) for key in partition_keys}
    return sorted(fetched | set(recent_days(stored, settings, datetime.now(UTC))))


def recent_days(days: Sequence[date], settings: Settings, now: datetime) -> list[date]:
    """Return the days that the look-back fetches again, and the later ones.

    Every run checks these days too. Dagster shows only the last evaluation of a check, and a run of today
    must not hide what is wrong with yesterday.
    """
    today = now.astimezone(ZoneInfo(settings.time_zone)).date()
    return [day for day in days if day >= today - timedelta(days=settings.lookback_days)]


def _asset_check_result(asset: dg.AssetKey, check: Check, result: "CheckResult") -> dg.AssetCheckResult:
    violations = result.violations
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if check.severity == "error" else dg.AssetCheckSeverity.WARN,
        description=describe_result(check, result),
        metadata={
            # Always present, so that the UI can plot it.
            "violation_count": result.rows.num_rows,
            **(_violations_metadata(result, violations) if violations else {}),
        },
    )


def describe_result(check: Check, result: "CheckResult") -> str:
    """Return the sentences about a result: one line for each violation, then the days that were checked."""
    lines = [_describe_violation(check, violation) for violation in result.violations]
    verb = "Passed for" if result.passed else "Checked"
    return "\n".join([*lines, f"{verb} {_describe_days(result.days)}."])


def _describe_violation(check: Check, violation: "Violation") -> str:
    message = check.message(violation.code)
    if not violation.days:
        return message
    rows = "1 row" if violation.row_count == 1 else f"{violation.row_count:,} rows"
    return f"{message} {rows} on {_describe_days(violation.days)}."


def _describe_days(days: Sequence[date]) -> str:
    """Return the number of some days, with a list of them, or with the first and the last of many."""
    count = "1 day" if len(days) == 1 else f"{len(days):,} days"
    if len(days) > _LISTED_DAYS:
        return f"{count} ({days[0]} to {days[-1]})"
    return f"{count} ({', '.join(map(str, days))})" if days else count


def _violations_metadata(result: "CheckResult", violations: "Sequence[Violation]") -> Mapping[str, Any]:
    """Return the number of rows of each violation, the days, and the first rows."""
    hidden = {"fails"} if len(violations) > 1 else {"fails", "violation"}
    names = [name for name in result.rows.column_names if name not in hidden]
    records = [
        dg.TableRecord(
            {name: None if row[name] is None else str(row[name])[:_LONGEST_CELL] for name in names}
        )
        for row in result.rows.slice(length=_SHOWN_ROWS).to_pylist()
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in names])
    return {
        "violations": {violation.code: violation.row_count for violation in violations},
        "days": sorted({day.isoformat() for violation in violations for day in violation.days}),
        "examples": dg.MetadataValue.table(records, schema),
    }
