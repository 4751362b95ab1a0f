"""The asset checks of `calls`: how severe each is, when it runs, and how Dagster tells of what was found.

What is asked, and how it is answered, is in `findings`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from trackdrive_assets.dagster.resources import LakeResource
from trackdrive_assets.quality.checks import Answer, Finding, answers, questions
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS

ASSET = dg.AssetKey(CALLS.name)

BLOCKING = ("schema_matches", "uuid_unique", "created_at_in_partition", "row_count_matches_api")
"""Where one of these fails, the calls are wrong, and no views are built on them."""

WARNING = (
    "matches_api_stats",
    "matches_api_report_buyer_id",
    "matches_api_report_offer_id",
    "matches_api_report_traffic_source_id",
    "volume_in_expected_range",
    "conversions_are_paid",
    "durations_not_negative",
    "ended_after_created",
    "no_undocumented_values",
    "yesterday_loaded",
)
"""Where one of these fails, somebody should look."""

# After the reports and statistics of the same run, which it compares with, also when one of them was refused.
# A dependency would not do: Dagster abandons what depends on a step that failed.
_LAST = {"dagster/priority": "-2"}

_EXAMPLES = 50
_DAYS_NAMED = 5


def build_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """Two steps of a run: one that the views wait for, and one that comes last and stops nothing."""
    reports = {f"matches_api_report_{category}" for category in settings.report_categories}
    warning = [name for name in WARNING if not name.startswith("matches_api_report_") or name in reports]
    return [
        _step("calls_are_right", BLOCKING, settings, dg.AssetCheckSeverity.ERROR, blocking=True),
        _step("calls_are_plausible", warning, settings, dg.AssetCheckSeverity.WARN, op_tags=_LAST),
    ]


def _step(
    name: str,
    checks: Sequence[str],
    settings: Settings,
    severity: dg.AssetCheckSeverity,
    *,
    blocking: bool = False,
    op_tags: Mapping[str, str] | None = None,
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=name,
        specs=[
            dg.AssetCheckSpec(
                check, asset=ASSET, description=questions()[check].description, blocking=blocking
            )
            for check in checks
        ],
        can_subset=True,
        op_tags=op_tags,
    )
    def step(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        stored = lake.open()
        everything = stored.days(CALLS.name)
        # A check that is launched alone is about no day.
        partitioned = context.has_partition_key or context.has_partition_key_range
        days = everything
        if partitioned:
            read = {date.fromisoformat(key) for key in context.partition_keys}
            days = sorted(read | set(recent(everything, settings, datetime.now(UTC))))
        selected = {key.name for key in context.selected_asset_check_keys}
        for check, answer in answers([name for name in checks if name in selected], stored, settings, days):
            looked_at = "every day in the lake" if answer.days is everything else named(answer.days)
            yield _result(check, answer, severity, looked_at)

    return step


def recent(days: Sequence[date], settings: Settings, now: datetime) -> list[date]:
    """The days that the look-back reads again, and those since.

    A run is judged by these too. Dagster shows only the last evaluation of a check, and a run of today must
    not hide what is wrong with yesterday.
    """
    today = now.astimezone(ZoneInfo(settings.time_zone)).date()
    return [day for day in days if day >= today - timedelta(days=settings.lookback_days)]


def _result(
    check: str, answer: Answer, severity: dg.AssetCheckSeverity, looked_at: str
) -> dg.AssetCheckResult:
    findings = answer.findings
    return dg.AssetCheckResult(
        asset_key=ASSET,
        check_name=check,
        passed=answer.holds,
        severity=severity,
        description="\n".join([*map(told, findings)] or ["It holds."]) + f"\nLooked at {looked_at}.",
        # Always there, so that the UI can plot it.
        metadata={"found": answer.rows.num_rows, **(_shown(answer, findings) if findings else {})},
    )


def told(finding: Finding) -> str:
    """A finding in words, with the days that it is about."""
    return f"{finding.says} ({finding.rows:,} on {named(finding.days)})" if finding.days else finding.says


def named(days: Sequence[date]) -> str:
    """Days in words: each by name where they are few, else the first and the last."""
    if len(days) > _DAYS_NAMED:
        return f"{days[0]} … {days[-1]}, {len(days)} days"
    return ", ".join(map(str, days)) or "no day"


def _shown(answer: Answer, findings: Sequence[Finding]) -> Mapping[str, Any]:
    """What was found in numbers, and the first rows of it."""
    # What the description says of all rows need not stand in each.
    silent = {"fails"} if len(findings) > 1 else {"fails", "finding"}
    names = [name for name in answer.rows.column_names if name not in silent]
    records = [
        dg.TableRecord({name: None if row[name] is None else str(row[name]) for name in names})
        for row in answer.rows.slice(length=_EXAMPLES).to_pylist()
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in names])
    return {
        "by_finding": {finding.says: finding.rows for finding in findings},
        "days": sorted({day.isoformat() for finding in findings for day in finding.days}),
        "examples": dg.MetadataValue.table(records, schema),
    }
