"""One-off queries: the documented parameters, exact days, and the same calls in every format."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.query import Endpoint, accepted_parameters
from trackdrive_assets.cli import query_commands
from trackdrive_assets.cli.output import choose_format
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.cli.conftest import NOW, Trackdrive, command_named
from trackdrive_assets_tests.support.factories import a_call, lake_at, write_day

DAY = date(2024, 3, 18)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def every_uuid(sandbox: Sandbox) -> list[str]:
    return [str(row["uuid"]) for row in reversed(sandbox.calls(LONG_AGO, NOW))]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("command", "endpoint"),
    [
        ("calls", Endpoint.CALLS),
        ("call", Endpoint.CALL),
        ("report", Endpoint.REPORTS),
        ("stats", Endpoint.STATS),
    ],
)
def test_every_documented_parameter_is_an_option(command: str, endpoint: Endpoint) -> None:
    options = {option for each in command_named(command).params for option in each.opts}
    assert {f"--{name.replace('_', '-')}" for name in accepted_parameters(endpoint)} <= options


def test_options_are_sent_under_their_documented_names(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    options = [
        "--in_progress",
        "no",
        "--buyer-group-ids",
        "1,2",
        "--created_at_from",
        "2024-03-19 10:00:00 UTC",
    ]
    assert trackdrive("calls", *options, "--token-key", "state").exit_code == 0
    sent = sandbox.requests[0].params
    assert sent["in_progress"] == "false"
    assert sent["buyer_group_ids"] == "1,2"
    assert sent["created_at_from"] == "2024-03-19 10:00:00 UTC"
    assert sent["token_key"] == "state"


def test_a_pipe_gets_csv_with_every_call_once(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    outcome = trackdrive("calls")
    assert outcome.stderr == ""
    assert [row["uuid"] for row in rows(outcome.stdout)] == every_uuid(sandbox)


def test_json_lines_have_typed_values_under_the_lakes_names(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    calls = [json.loads(line) for line in trackdrive("calls", "--format", "jsonl").stdout.splitlines()]
    assert [call["uuid"] for call in calls] == every_uuid(sandbox)
    assert set(calls[0]) == set(CALLS.schema.names)
    converted = next(call for call in calls if call["buyer_converted"])
    assert isinstance(converted["revenue"], float)
    assert datetime.fromisoformat(converted["created_at"]).tzinfo == UTC
    assert converted["tokens"]["state"]


def test_a_parquet_file_has_the_schema_of_the_lake(
    trackdrive: Trackdrive, sandbox: Sandbox, tmp_path: Path
) -> None:
    assert trackdrive("calls", "--output", "calls.parquet").stdout == ""
    table = pq.read_table(tmp_path / "calls.parquet")
    assert table.schema.equals(CALLS.schema)
    assert table["uuid"].to_pylist() == every_uuid(sandbox)


def test_a_pipe_can_get_parquet(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    outcome = trackdrive("calls", "--format", "parquet")
    assert pq.read_table(io.BytesIO(outcome.stdout_bytes))["uuid"].to_pylist() == every_uuid(sandbox)


@pytest.mark.parametrize("inclusive", [True, False])
def test_a_day_is_exact_in_the_accounts_zone(
    trackdrive: Trackdrive, sandbox: Sandbox, *, inclusive: bool
) -> None:
    sandbox.inclusive_end = inclusive
    zone = ZoneInfo("America/New_York")
    day = exact_day(DAY, zone)
    sandbox.add_call(day.start)
    sandbox.add_call(day.end)
    span = ["--from", str(DAY), "--to", str(DAY), "--columns", "status,caller_number"]
    outcome = trackdrive("calls", *span, TRACKDRIVE_TIME_ZONE=zone.key)
    asked = [(row["status"], row["caller_number"]) for row in rows(outcome.stdout)]
    there = reversed(sandbox.calls(day.start, day.end))
    assert asked == [(row["status"], row["caller_number"]) for row in there]


def test_a_server_that_ignores_the_range_is_an_error(
    trackdrive: Trackdrive, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = sandbox.list_calls
    monkeypatch.setattr(
        sandbox, "list_calls", lambda params, fault=None: parse({"per_page": params["per_page"]}, fault)
    )
    outcome = trackdrive("calls", "--from", "2024-03-01", "--to", "2024-03-02")
    assert outcome.exit_code != 0
    assert "It does not apply this range" in outcome.stderr


def test_today_and_yesterday_are_days(trackdrive: Trackdrive) -> None:
    now = datetime.now(UTC)
    with Sandbox(first_day=now.date() - timedelta(days=3)) as sandbox:
        outcome = trackdrive(
            "calls", "--from", "yesterday", "--limit", "900", TRACKDRIVE_BASE_URL=sandbox.base_url
        )
    days = {row["created_at"][:10] for row in rows(outcome.stdout)}
    assert (now.date() - timedelta(days=1)).isoformat() in days
    assert (now.date() - timedelta(days=2)).isoformat() not in days


def test_a_limit_also_limits_the_requests(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    outcome = trackdrive("calls", "--limit", "60", "--columns", "uuid")
    assert [row["uuid"] for row in rows(outcome.stdout)] == every_uuid(sandbox)[:60]
    assert len(sandbox.requests) == 2


def test_selected_columns_are_printed_in_their_order(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("calls", "--columns", "revenue, status", "--limit", "1")
    assert outcome.stdout.splitlines()[0] == '"revenue","status"'


def test_an_undocumented_column_is_requested_with_a_warning(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    outcome = trackdrive("calls", "--columns", "uuid,mood", "--limit", "1")
    assert outcome.stdout.splitlines()[0] == '"uuid","extra"'
    assert "'mood' is not in the documentation's list" in outcome.stderr
    assert sandbox.requests[0].params["columns"] == "uuid,mood,created_at"


def test_excluded_columns_are_empty(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("calls", "--limit", "5", TRACKDRIVE_EXCLUDE_COLUMNS="caller_number,token-*")
    for row in rows(outcome.stdout):
        assert not row["caller_number"]
        assert not row["token_values"]


def test_a_table_reports_how_many_calls_it_leaves_out(
    trackdrive: Trackdrive, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_commands, "TABLE_ROWS", 7)
    outcome = trackdrive("calls", "--format", "table")
    assert len(outcome.stdout.splitlines()) == 2 + 7
    assert f"7 of {len(every_uuid(sandbox))} calls." in outcome.stderr


def test_a_result_without_calls_is_only_a_header(trackdrive: Trackdrive) -> None:
    nothing = ["calls", "--status", "blocked", "--buyer-id", "1", "--columns", "uuid"]
    assert trackdrive(*nothing).stdout == '"uuid"\n'
    assert trackdrive(*nothing, "--format", "jsonl").stdout == ""
    assert trackdrive(*nothing, "--format", "table").stdout == "uuid\n----\n"


def test_a_table_of_one_call_has_a_row_per_field(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    uuid = every_uuid(sandbox)[10]
    lines = trackdrive("call", uuid, "--format", "table").stdout.splitlines()
    assert dict(line.split(maxsplit=1) for line in lines)["uuid"] == uuid


def test_a_report_has_typed_rows(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    outcome = trackdrive("report", "status", "--from", "2024-03-18", "--to", "2024-03-19")
    days = sandbox.calls(datetime(2024, 3, 18, tzinfo=UTC), datetime(2024, 3, 20, tzinfo=UTC))
    assert sum(int(row["calls"]) for row in rows(outcome.stdout)) == len(days)
    assert "row" in rows(outcome.stdout)[0]


def test_statistics_of_a_group_are_one_row(trackdrive: Trackdrive) -> None:
    options = ["--from", "2024-03-18", "--to", "2024-03-19"]
    every = rows(trackdrive("stats", "status", *options).stdout)
    assert list(every[0]) == ["group_value", "count", "revenue", "profit", "cost"]
    one = rows(trackdrive("stats", "status", *options, "--stat", "count").stdout)
    assert one == [{name: row[name] for name in ("group_value", "count")} for row in every]


def test_page_writes_an_html_page_about_days_of_the_lake(
    trackdrive: Trackdrive, sandbox: Sandbox, tmp_path: Path
) -> None:
    lake = lake_at(tmp_path / "lake")
    day = exact_day(date(2024, 3, 18), ZoneInfo("UTC"))
    with Client(sandbox.base_url, KeyPair(sandbox.public_key, sandbox.private_key)) as client:
        ingest_calls(client, lake, day)
    outcome = trackdrive("page", "--from", "2024-03-18", "--to", "2024-03-19", TRACKDRIVE_LAKE=lake.root)
    assert outcome.exit_code == 0
    page = (tmp_path / outcome.stdout.strip()).read_text("utf-8")
    assert outcome.stdout == "report-2024-03-18-2024-03-19.html\n"
    assert "127.0.0.1" in page
    assert str(len(sandbox.calls(day.start, day.end))) in page


def test_a_page_about_missing_days_is_an_error_with_advice(trackdrive: Trackdrive, tmp_path: Path) -> None:
    write_day(lake_at(tmp_path / "data"), "calls", [a_call()])
    outcome = trackdrive("page", "--from", "2024-03-18", "--to", "2024-03-18")
    assert outcome.exit_code == 1
    assert "choose others, or materialize these" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report"], "Missing argument 'CATEGORY'"),
        (["page"], "--from is missing"),
        (["page", "--from", "2024-03-18", "--buyer-id", "1"], "No such option"),
        (["stats", "status"], "Use --from"),
        (["calls", "--to", "2024-03-18"], "--to needs --from"),
        (["calls", "--from", "2024-03-18", "--to", "2024-03-17"], "2024-03-18 is after 2024-03-17"),
        (["calls", "--from", "2099-12-31"], "2099-12-31 is after today, "),
        (
            ["calls", "--from", "2024-03-18", "--created-at-to", "2024-03-19"],
            "days (--from, --to) or times",
        ),
        (["calls", "--from", "Tuesday"], "'Tuesday' is not a date"),
        (["calls", "--buyer-group-ids", "a"], "is not a list of whole numbers"),
        (["calls", "--order", "mood"], "order is 'mood'; it must be one of"),
        (["call", "reports"], "named by its uuid or its number"),
    ],
)
def test_an_invalid_query_is_wrong_use_and_sends_nothing(
    trackdrive: Trackdrive, sandbox: Sandbox, arguments: list[str], words: str
) -> None:
    outcome = trackdrive(*arguments)
    assert outcome.exit_code == 2
    assert words in " ".join(outcome.stderr.split())
    assert sandbox.requests == []


def test_a_file_is_replaced_as_a_whole_or_not_at_all(
    trackdrive: Trackdrive, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "calls.csv").write_text("as it was")
    sandbox.inject("short", times=None)
    outcome = trackdrive("calls", "--output", "calls.csv")
    assert outcome.exit_code == 3
    assert "are missing" in outcome.stderr
    assert (tmp_path / "calls.csv").read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["calls.csv"]


def test_a_folder_that_does_not_exist_is_named(trackdrive: Trackdrive, tmp_path: Path) -> None:
    outcome = trackdrive("calls", "--output", str(tmp_path / "nowhere" / "calls.csv"))
    assert outcome.exit_code == 1
    assert "No such file or directory" in outcome.stderr
    assert "Check that the folder exists" in outcome.stderr


def test_a_device_is_written_and_not_replaced(trackdrive: Trackdrive) -> None:
    assert trackdrive("calls", "--output", "/dev/null").exit_code == 0
    assert not Path("/dev/null").is_file()


def test_a_full_disk_is_an_error_message(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("calls", "--output", "/dev/full")
    assert outcome.exit_code == 1
    assert "No space left on device" in outcome.stderr


def test_parquet_is_refused_in_a_terminal() -> None:
    with pytest.raises(click.UsageError, match="terminal can't show Parquet"):
        choose_format("parquet", None, is_terminal=True)


@pytest.mark.parametrize(
    ("category", "excluded"),
    [
        ("contact_id", "contact_id"),
        ("CONTACT-ID", "Caller_Number"),
        ("caller_number", "caller_number"),
        ("contact_country", "caller_*"),
    ],
)
def test_an_excluded_report_is_not_shown(
    trackdrive: Trackdrive, sandbox: Sandbox, category: str, excluded: str
) -> None:
    outcome = trackdrive("report", category, TRACKDRIVE_EXCLUDE_COLUMNS=excluded)
    assert outcome.exit_code == 2
    assert f"because TRACKDRIVE_EXCLUDE_COLUMNS is {excluded}" in outcome.stderr
    assert not sandbox.requests


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet", "table"])
def test_excluded_columns_are_in_no_format(trackdrive: Trackdrive, sandbox: Sandbox, format_: str) -> None:
    number = "+17195550199"
    sandbox.rewrite = lambda row: row | {
        "caller_number": number, "name": number, "token-caller_id": number, "ssn": number,
        "token_values": f"caller_id:{number}", "contact_id": number,
    }  # fmt: skip
    exclude = {"TRACKDRIVE_EXCLUDE_COLUMNS": "Caller-Number,extra-SSN"}
    for command in (["calls", "--limit", "9"], ["call", every_uuid(sandbox)[0]]):
        outcome = trackdrive(*command, "--format", format_, **exclude)
        assert outcome.exit_code == 0
        assert number.encode() not in outcome.stdout_bytes
        assert number.encode() in trackdrive(*command, "--format", "jsonl").stdout_bytes
