"""The commands as a person types them: real processes, from the sandbox to a number in DuckDB."""

import os
import re
import signal
import subprocess
import sys
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from trackdrive_assets.cli.dagster_home import INSTANCE_FILE, account_environment, create_dagster_home
from trackdrive_assets.cli.demo import earlier_looks, sandbox_environment, show_tables
from trackdrive_assets.cli.dev import is_account_missing, wait_for_end
from trackdrive_assets.cli.errors import CliError
from trackdrive_assets.lake.database import build_database
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import SettingError, Settings
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets_tests.support.factories import a_call, folder_of, lake_at, write_day
from trackdrive_assets_tests.support.processes import dagster_home

BIN = Path(sys.executable).parent
MATERIALIZE = ("asset", "materialize", "-m", "trackdrive_assets.definitions", "--select")
QUIET = {"PYTHONWARNINGS": "ignore", "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}


@pytest.fixture
def account() -> Iterator[dict[str, str]]:
    """A sandbox process, and the variables that it prints."""
    with subprocess.Popen(
        [BIN / "trackdrive", "sandbox", "--port", "0", "--calls-per-day", "30"],
        stdout=subprocess.PIPE,
        text=True,
        env=QUIET,
    ) as process:
        assert process.stdout is not None
        printed: dict[str, str] = {}
        for line in process.stdout:
            if not line.startswith("export "):
                break
            name, value = line.removeprefix("export ").strip().split("=", 1)
            printed[name] = value
        yield printed
        process.send_signal(signal.SIGTERM)


def dagster(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "dagster", *arguments],
        env=QUIET | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_range_from_the_shell_ends_in_numbers_that_duckdb_reads(
    account: dict[str, str], tmp_path: Path
) -> None:
    environment = account | {
        "TRACKDRIVE_LAKE": str(tmp_path),
        "TRACKDRIVE_TIME_ZONE": "America/New_York",
        "TRACKDRIVE_REQUESTS_PER_SECOND": "0",
    }
    process = dagster(
        *MATERIALIZE,
        'key:calls or key:"reports/status" or key:"views/*"',
        "--partition-range",
        "2024-03-09...2024-03-11",
        **environment,
    )
    assert process.returncode == 0, process.stderr
    with duckdb.connect(str(tmp_path / "trackdrive.duckdb"), read_only=True) as connection:
        by_calls = connection.sql("SELECT date, calls FROM daily_summary ORDER BY date").fetchall()
        by_reports = connection.sql("SELECT date, sum(calls) FROM reports GROUP BY 1 ORDER BY 1").fetchall()
    assert [str(day) for day, _ in by_calls] == ["2024-03-09", "2024-03-10", "2024-03-11"]
    assert by_calls == by_reports


def test_a_future_partition_is_refused_in_the_shell(account: dict[str, str], tmp_path: Path) -> None:
    process = dagster(
        *MATERIALIZE,
        "calls",
        "--partition",
        "2099-01-01",
        **account | {"TRACKDRIVE_LAKE": str(tmp_path)},
    )
    assert process.returncode != 0
    assert "2099-01-01" in process.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_variable_that_cannot_be_understood_is_named_when_dagster_loads() -> None:
    process = dagster(
        "definitions",
        "validate",
        "-m",
        "trackdrive_assets.definitions",
        TRACKDRIVE_TIME_ZONE="America/Gotham",
    )
    assert process.returncode != 0
    assert "TRACKDRIVE_TIME_ZONE" in process.stdout + process.stderr
    assert "America/Gotham" in process.stdout + process.stderr


def test_the_demo_ends_with_tables_and_the_next_command(tmp_path: Path) -> None:
    process = subprocess.run(
        # A setting has no space at its end, so neither has the folder.
        [BIN / "trackdrive", "demo", "--days", "9", "--folder", f"{tmp_path / 'demo'} "],
        env=QUIET,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    today = datetime.now(ZoneInfo("America/New_York")).date()
    # A week ago, one of the nine days was over.
    first, before, yesterday = (today - timedelta(days=age) for age in (8, 7, 1))
    assert f"{before} 05:00  {first} to {first}: " in process.stdout
    assert f"{first} to {today}: " in process.stdout
    assert "conversion_rate" in process.stdout
    assert "Conversions that were taken back" in process.stdout
    file, command, url = process.stdout.splitlines()[-3:]
    assert str(tmp_path / "demo" / "page.html") in file
    # The folder has no Makefile of this project.
    assert command == "Then type `trackdrive dev`, and open this day in the Dagster UI:"
    assert url == f"http://127.0.0.1:3000/assets/calls?view=partitions&partition={yesterday}"
    with duckdb.connect(str(tmp_path / "demo" / "trackdrive.duckdb"), read_only=True) as connection:
        (looked_twice,) = connection.sql("""
            SELECT list(date ORDER BY date) FROM fetch_log
            WHERE table_name = 'calls' AND fetched_at > first_fetched_at + INTERVAL 6 DAY
        """).fetchall()[0]
    assert looked_twice == [first]
    with dagster_home(tmp_path / "demo" / ".dagster") as instance:
        runs = instance.get_runs()
    # The timeline of the UI has only runs of a code location. The daemon must not launch them again.
    assert {run.remote_job_origin.location_name for run in runs if run.remote_job_origin} == {
        "trackdrive_assets.definitions"
    }
    assert [run.tags["dagster/max_retries"] for run in runs] == ["0", "0"]
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {
        ".dagster",
        "page.html",
        "call_changes",
        "call_totals",
        "calls",
        "lake.json",
        "reports",
        "stats",
        "trackdrive.duckdb",
        "files.json",
    }


def test_dev_with_half_an_account_is_an_error_and_not_the_sandbox(tmp_path: Path) -> None:
    process = subprocess.run(
        [BIN / "trackdrive", "dev"],
        env=QUIET | {"TRACKDRIVE_SUBDOMAIN": "acme", "TRACKDRIVE_PUBLIC_KEY": "tdpub-half"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "TRACKDRIVE_PRIVATE_KEY is not set" in process.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environ", "sandbox"),
    [
        ({}, True),
        ({"TRACKDRIVE_LAKE": "data", "TRACKDRIVE_TIME_ZONE": "UTC"}, True),
        ({"TRACKDRIVE_SUBDOMAIN": " "}, True),
        ({"TRACKDRIVE_SUBDOMAIN": "acme"}, False),
        ({"TRACKDRIVE_PRIVATE_KEY": "x"}, False),
        ({"TRACKDRIVE_AUTH_TOKEN": "x"}, False),
    ],
)
def test_the_sandbox_is_for_those_who_name_no_account_at_all(
    environ: dict[str, str], *, sandbox: bool
) -> None:
    assert is_account_missing(environ) is sandbox


def test_a_run_that_was_killed_does_not_hold_up_the_next(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(INSTANCE_FILE.read_text())
    command = [
        *MATERIALIZE,
        "calls",
        "--partition-range",
        "2024-03-09...2024-03-14",
    ]
    with Sandbox(calls_per_day=30) as sandbox:
        environment = QUIET | {
            "DAGSTER_HOME": str(tmp_path),
            "TRACKDRIVE_BASE_URL": sandbox.base_url,
            "TRACKDRIVE_PUBLIC_KEY": sandbox.public_key,
            "TRACKDRIVE_PRIVATE_KEY": sandbox.private_key,
            "TRACKDRIVE_REQUESTS_PER_SECOND": "0",
            "TRACKDRIVE_MAX_CONCURRENCY": "1",
            "TRACKDRIVE_LAKE": str(tmp_path / "lake"),
        }
        process = subprocess.Popen(
            [BIN / "dagster", *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        def kill_in_the_last_day(row: dict[str, object]) -> dict[str, object]:
            if str(row["created_at"]).startswith("2024-03-14T1"):
                process.kill()
            return row

        sandbox.rewrite = kill_in_the_last_day
        assert process.wait() == -signal.SIGKILL
        sandbox.rewrite = None
        lake = lake_at(tmp_path / "lake")
        # The two days before may have been read and not yet stored.
        assert [str(day) for day in lake.days("calls")][:3] == ["2024-03-09", "2024-03-10", "2024-03-11"]

        again = dagster(*command, **environment)

    assert again.returncode == 0, again.stderr
    # The terminal has a line for each day, and no events of Dagster.
    assert re.search(r"2024-03-09 is done: \d+ rows, 1 request, \d+\.\d s\. Day \d of 6\.", again.stderr)
    assert "DEBUG" not in again.stderr
    assert [day.day for day in lake.days("calls")] == [9, 10, 11, 12, 13, 14]
    assert not list(folder_of(lake).rglob("*.tmp"))
    with dagster_home(tmp_path) as instance:
        assert {run.status.value for run in instance.get_runs()} == {"FAILURE", "SUCCESS"}


def test_dev_reads_the_account_from_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TRACKDRIVE_SUBDOMAIN=acme\nTRACKDRIVE_PRIVATE_KEY=tdprv-half\n")
    process = subprocess.run(
        [BIN / "trackdrive", "dev"], env=QUIET, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert process.returncode == 2
    assert "TRACKDRIVE_PUBLIC_KEY is not set" in process.stderr


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("raise SystemExit(7)", "The daemon ended with exit code 7"),
        ("import os; os.kill(os.getpid(), 9)", "The daemon was ended by signal 9"),
    ],
)
def test_dev_names_the_process_that_ended_by_itself(end: str, message: str) -> None:
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as lives,
        subprocess.Popen([sys.executable, "-c", end]) as ends,
    ):
        with pytest.raises(CliError, match=message):
            wait_for_end({"UI": lives, "daemon": ends})
        lives.kill()


def test_dev_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        port = sandbox.base_url.rpartition(":")[2]
        process = subprocess.run(
            [BIN / "trackdrive", "dev", "--port", port],
            env=QUIET,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert process.returncode == 1
    assert f"Port {port} is in use" in process.stderr


def test_the_sandbox_has_a_lake_and_a_home_of_its_own(tmp_path: Path) -> None:
    with sandbox_environment(tmp_path / "demo") as environment:
        settings = Settings.read(environment)
        assert settings.address.startswith("http://127.0.0.1:")
        assert settings.lake == str(tmp_path / "demo")
        today = datetime.now(ZoneInfo(settings.time_zone)).date()
        assert settings.start_date == today - timedelta(days=34)
        assert environment["DAGSTER_HOME"] == str(tmp_path / "demo" / ".dagster")


def test_the_partitions_of_the_sandbox_begin_with_the_days_that_it_has(tmp_path: Path) -> None:
    (day := tmp_path / "demo" / "calls" / "date=2024-06-19").mkdir(parents=True)
    (day / "calls.parquet").touch()
    with sandbox_environment(tmp_path / "demo") as environment:
        assert environment["TRACKDRIVE_START_DATE"] == "2024-06-19"


def test_a_table_of_the_demo_without_rows_is_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lake = lake_at(tmp_path)
    write_day(lake, "calls", [a_call()])
    show_tables(Path(build_database(lake, schemas(), time_zone="UTC").url))
    shown = capfd.readouterr().out
    assert "Daily totals of the last week" in shown
    assert "Conversions that were taken back" not in shown


TODAYS = [date(2026, month, day) for month in (2, 3, 11) for day in (1, 2, 15, 16, 28)]


@pytest.mark.parametrize("today", TODAYS, ids=str)
def test_the_demo_has_late_and_reversed_revenue_on_every_date(today: date) -> None:
    first = today - timedelta(days=34)
    sandbox = Sandbox()
    looks = [(look.moment, look.last) for look in earlier_looks(first, today, ZoneInfo("UTC"))]
    now = datetime.combine(today, datetime.min.time(), UTC)
    reversed_count = adjusted_count = 0
    for (moment, last), (later, _) in pairwise([*looks, (now, today)]):
        days = {
            call["uuid"]: datetime.fromisoformat(call["created_at"]).date()
            for call in sandbox.calls(datetime.combine(first, datetime.min.time(), UTC), moment)
        }
        for change in sandbox.changes(moment, later):
            day = days.get(change.uuid)
            if change.field != "buyer_revenue" or day is None or day > last:
                continue
            reversed_count += change.new is None
            last_of_half = 15 if day.day <= 15 else monthrange(day.year, day.month)[1]
            # A half-month is over at six in the morning after it.
            over = datetime.combine(day.replace(day=last_of_half), time(6), UTC) + timedelta(days=1)
            adjusted_count += later >= over
    assert len(looks) == 3
    assert reversed_count >= 1
    assert adjusted_count >= 10


def test_an_accounts_lake_holds_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = account_environment(Settings(lake="data"), {})
    assert environment["TRACKDRIVE_LAKE"] == str(tmp_path / "data")
    assert environment["DAGSTER_HOME"] == str(tmp_path / ".dagster")
    assert account_environment(Settings(), {"DAGSTER_HOME": "/srv/dagster"})["DAGSTER_HOME"] == "/srv/dagster"


def test_a_dagster_home_reads_the_instance_file_of_the_folder_or_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = create_dagster_home(Path("elsewhere"))
    assert (elsewhere / "dagster.yaml").samefile(INSTANCE_FILE)
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    home = create_dagster_home(Path(".dagster"))
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    assert create_dagster_home(Path(".dagster")) == home


def test_a_dagster_home_outlives_the_virtual_environment_that_made_it(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").symlink_to(tmp_path / "removed" / "dagster.yaml")
    create_dagster_home(tmp_path)
    assert (tmp_path / "dagster.yaml").samefile(INSTANCE_FILE)


def test_a_home_whose_databases_dagster_cannot_open_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "80%20").mkdir()
    with pytest.raises(SettingError, match="because of the %20 in the name"):
        account_environment(Settings(), {"DAGSTER_HOME": str(folder)})
    monkeypatch.chdir(folder)
    with pytest.raises(SettingError, match="because of the %20 in the name"):
        account_environment(Settings(), {})
    assert list(folder.iterdir()) == []
