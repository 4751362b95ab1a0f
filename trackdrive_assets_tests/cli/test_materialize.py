"""`trackdrive materialize`: its options, its cost, and a run in this process."""

import json
import re
import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
import dagster as dg
import pytest

from trackdrive_assets.cli.dagster_run import describe_failed_checks
from trackdrive_assets.cli.materialize import EVERY_TABLE, cost_lines, selected_names
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.cli.conftest import Trackdrive, variables
from trackdrive_assets_tests.support.commands import begin
from trackdrive_assets_tests.support.processes import Moment

DAYS = ("--from", "2024-03-18", "--to", "2024-03-19")
TOMORROW = (datetime.now(UTC).date() + timedelta(days=2)).isoformat()


def recorded_runs(home: Path) -> list[dg.DagsterRun]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return list(instance.get_runs())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--from is missing"),
        (("--to", "2024-03-19"), "--to needs --from"),
        (("--from", "2024-03-19", "--to", "2024-03-18"), "2024-03-19 is after 2024-03-18"),
        (("--from", "2024-03-19", "--to", TOMORROW), f"--to {TOMORROW} has not begun: today is "),
        (("--from", TOMORROW), f"{TOMORROW} is after today, "),
        (("--from", "2023-12-31"), "--from 2023-12-31 is before the first partition, 2024-01-01."),
        ((*DAYS, "--tables", "report"), "'report' is not a table. Did you mean reports?"),
        ((*DAYS, "--tables", "calls,"), "'' is not a table. The tables are calls, reports, stats, views."),
        ((*DAYS, "--tables", "calls", "--accept-zone"), "--accept-zone replaces every table"),
    ],
)
def test_a_wrong_option_is_explained_before_the_first_request(
    trackdrive: Trackdrive, sandbox: Sandbox, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = trackdrive("materialize", *arguments)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert sandbox.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_single_asset_is_selected_by_its_key() -> None:
    names = selected_names("views/daily_summary, stats/status,reports/buyer_id,calls,calls", Settings())
    assert names == ("views/daily_summary", "stats/status", "reports/buyer_id", "calls")


def test_a_reference_list_of_a_past_day_is_refused_before_the_run(
    trackdrive: Trackdrive, sandbox: Sandbox
) -> None:
    outcome = trackdrive(
        "materialize", *DAYS, "--tables", "calls,reference/buyers", TRACKDRIVE_REFERENCE_TABLES="buyers"
    )
    assert outcome.exit_code == 2
    assert "The API has the reference lists only as they are now. Use --from today" in outcome.stderr
    assert sandbox.requests == []


def test_reference_lists_are_a_table_if_the_settings_name_some() -> None:
    assert selected_names("reference", Settings(reference_tables=("buyers",))) == ("reference",)


def test_an_asset_of_a_selected_table_is_not_named_twice() -> None:
    assert selected_names("reports/buyer_id,reports", Settings()) == ("reports",)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("reports/buyer", "reports/buyer_id"),
        ("referenze", "reference"),
        ("reference/buyer", "reference/buyers"),
        ("reports/statuz", "reports/status"),
    ],
)
def test_the_nearest_name_is_proposed_even_if_it_is_off(name: str, found: str) -> None:
    with pytest.raises(click.BadParameter, match=f"Did you mean {re.escape(found)}\\?"):
        selected_names(name, Settings(report_categories=("buyer_id",)))


NO_BUYERS = Settings(
    report_categories=("buyer_id", "status"), reference_tables=("buyers",), exclude_columns=("buyer*",)
)


@pytest.mark.parametrize(
    ("name", "settings", "advice"),
    [
        (
            "reference",
            Settings(),
            "Set TRACKDRIVE_REFERENCE_TABLES to some of buyers, offers, traffic_sources, numbers.",
        ),
        ("reference/buyers", Settings(), "Add buyers to TRACKDRIVE_REFERENCE_TABLES."),
        (
            "reports/buyer_id",
            Settings(report_categories=("status",)),
            "Add buyer_id to TRACKDRIVE_REPORT_CATEGORIES.",
        ),
    ],
)
def test_a_name_that_is_off_leads_to_its_setting(name: str, settings: Settings, advice: str) -> None:
    with pytest.raises(click.BadParameter) as raised:
        selected_names(f"calls,{name}", settings)
    assert raised.value.message == f"{name} is not fetched. {advice}"


@pytest.mark.parametrize("name", ["reference", "reference/buyers", "reports/buyer_id"])
def test_an_excluded_name_leads_to_the_exclusion(name: str) -> None:
    with pytest.raises(click.BadParameter) as raised:
        selected_names(name, NO_BUYERS)
    assert raised.value.message == (f"{name} is not fetched, because TRACKDRIVE_EXCLUDE_COLUMNS excludes it.")


def test_the_cost_has_the_requests_and_the_shortest_time_of_each_table() -> None:
    days = [date(2024, 3, 18), date(2024, 3, 19)]
    head, table, stored, rate, advice, command = cost_lines(Settings(), EVERY_TABLE, days, {days[0]: 1001})
    assert head == "2024-03-18 to 2024-03-19 (2 days). Nothing is fetched."
    assert [line.split() for line in table.splitlines()[2:]] == [
        ["calls", "6", "2", "s"],
        ["reports", "32", "7", "s"],
        ["stats", "576", "2", "min"],
        ["all", "614", "3", "min"],
    ]
    assert stored.startswith("The lake has calls of 1 of these days, which take a request for each 250.")
    assert rate.startswith("5 requests per second need responses within 0.8 s, because 4 are in flight")
    assert advice == "94% of the requests are statistics. Take calls and reports first:"
    assert command.endswith("--from 2024-03-18 --to 2024-03-19 --tables calls,reports,views")


def test_a_cost_without_statistics_and_without_a_rate_has_no_advice() -> None:
    lines = list(cost_lines(Settings(requests_per_second=0), ["reports/status"], [date(2024, 3, 18)], {}))
    assert len(lines) == 2
    assert "no rate limit" in lines[1]


def test_a_dry_run_sends_no_request_and_writes_nothing(
    trackdrive: Trackdrive, sandbox: Sandbox, tmp_path: Path
) -> None:
    outcome = trackdrive("materialize", *DAYS, "--dry-run", TRACKDRIVE_PRIVATE_KEY="")
    assert outcome.exit_code == 0
    assert "Nothing is fetched." in outcome.stdout
    assert sandbox.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_run_prints_its_days_and_is_recorded_in_the_dagster_home(
    trackdrive: Trackdrive, sandbox: Sandbox, tmp_path: Path
) -> None:
    options = ("--tables", "calls,reports/status,views/calls")
    outcome = trackdrive("materialize", *DAYS, *options, TRACKDRIVE_REQUESTS_PER_SECOND="100")
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    assert "(2 days) of calls, reports/status, views/calls: 4 requests or more, at least 1 s" in lines[1]
    assert sorted(line.split()[:2] for line in lines[2:-1]) == [
        [table, day] for table in ("calls", "reports") for day in ("2024-03-18", "2024-03-19")
    ]
    calls = len(list(sandbox.calls(datetime(2024, 3, 18, tzinfo=UTC), datetime(2024, 3, 20, tzinfo=UTC))))
    assert lines[-1].startswith(f"Done: 2 days, {calls} calls, ")
    assert lines[-1].endswith(f"The lake is {tmp_path}/data.")
    assert (tmp_path / "data" / "trackdrive.duckdb").exists()
    (run,) = recorded_runs(tmp_path / ".dagster")
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert run.tags["dagster/asset_partition_range_end"] == "2024-03-19"
    assert run.tags["days"] == "2024-03-18...2024-03-19"
    assert trackdrive("materialize", *DAYS, "--dry-run").stdout.count("The lake has calls of 2 of these") == 1


def test_the_lake_of_another_account_is_refused_before_a_run_is_recorded(
    trackdrive: Trackdrive, sandbox: Sandbox, tmp_path: Path
) -> None:
    record = {"layout": 2, "account": "other.example/Other", "time_zone": "UTC"}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lake.json").write_text(json.dumps(record))
    for options in ((), ("--dry-run",)):
        outcome = trackdrive("materialize", *DAYS, "--tables", "calls", *options)
        assert outcome.exit_code == 1
        assert "other.example" in outcome.stderr
    assert sandbox.requests == []
    assert not (tmp_path / ".dagster").exists()


def test_a_run_of_views_names_no_calls_and_no_requests(trackdrive: Trackdrive) -> None:
    outcome = trackdrive(
        "materialize", "--from", "2024-03-18", "--to", "2024-03-18", "--tables", "views/calls"
    )
    assert "2024-03-18 of views/calls: no request." in outcome.stdout
    assert "Done: 1 day, 0 requests, " in outcome.stdout


def test_a_failed_run_ends_with_1_and_the_reason(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    sandbox.revoked = True
    outcome = trackdrive("materialize", *DAYS, "--tables", "calls")
    assert outcome.exit_code == 1
    assert outcome.stderr.count("401") == 1
    assert re.search(
        r"The run failed after \d+\.\d s\. Days that are recorded: calls 0 of 2\.", outcome.stderr
    )
    assert "Traceback" not in outcome.stderr


def an_evaluation(
    name: str, description: str, severity: dg.AssetCheckSeverity, *, passed: bool = False
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("calls"),
        check_name=name,
        passed=passed,
        metadata={},
        severity=severity,
        description=description,
    )


def test_what_several_checks_found_is_one_line_of_the_most_severe() -> None:
    warning, error = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
    lines = describe_failed_checks(
        [
            an_evaluation("one", "It is damaged.\nNothing to compare.\nChecked 2 days.", warning),
            an_evaluation("two", "It is damaged.\nChecked 2 days.", error),
            an_evaluation("three", "It is damaged.\nChecked 2 days.", warning),
            an_evaluation("four", "Passed for 2 days.", error, passed=True),
        ]
    )
    assert list(lines) == [
        "Error: the checks two and 2 more: It is damaged.",
        "Warning: the check one: Nothing to compare.",
    ]


def test_the_log_of_a_run_is_printed_only_with_verbose(trackdrive: Trackdrive) -> None:
    options = ("--from", "2024-03-18", "--to", "2024-03-18", "--tables", "calls")
    assert "STEP_START" not in trackdrive("materialize", *options).stderr
    assert "STEP_START" in trackdrive("materialize", *options, "--verbose").stderr


def test_ctrl_c_ends_a_run_with_130_and_the_run_is_recorded_as_ended(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    process = begin(
        ("materialize", *DAYS, "--tables", "calls"), folder, variables(sandbox),
        at=Moment("http.client.send", "calls"), number=signal.SIGINT,
    )  # fmt: skip
    process.join(60)
    assert process.exitcode == 130, folder.with_name("output").read_text()
    output = folder.with_name("output").read_text()
    assert "Traceback" not in output
    assert "Ended. Days that are recorded: calls 0 of 2." in output
    (run,) = recorded_runs(folder / ".dagster")
    assert run.is_finished
    assert run.status is not dg.DagsterRunStatus.SUCCESS
