"""What the files of deploy/ name is what the installed package has. That they run was tried by hand."""

import configparser
import dataclasses
import functools
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]  # Dagster brings it, without types
from click.testing import CliRunner
from dagster._core.instance.config import dagster_instance_config
from dagster._daemon.cli import cli as daemon_cli
from dagster._daemon.types import DaemonHeartbeat
from dagster_cloud_cli.config.models import load_dagster_cloud_yaml

from trackdrive_assets.cli.dagster_home import INSTANCE_FILE, create_dagster_home
from trackdrive_assets.settings import Settings, variable
from trackdrive_assets_tests.support.http_server import serving

PROJECT = Path(__file__).parents[1]
DEPLOY = PROJECT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
CONTAINERFILE = (DEPLOY / "Containerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
COMPOSE_POSTGRES = yaml.safe_load((DEPLOY / "compose-postgres.yaml").read_text("utf-8"))
HELM = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text("utf-8"))
SQLITE, POSTGRES, DOCKER = (
    yaml.safe_load(file.read_text("utf-8"))
    for file in (INSTANCE_FILE, DEPLOY / "dagster-postgres.yaml", DEPLOY / "dagster-docker.yaml")
)
GUIDE = "".join((PROJECT / "docs" / name).read_text("utf-8") for name in ("deploying.md", "scaling.md"))
VARIABLES = {variable(field.name) for field in dataclasses.fields(Settings)}
BIN = Path(sys.executable).parent
INSTALLED = "/opt/trackdrive"
UI = ["-m", "trackdrive_assets.dagster.ui"]
"""The module of the guarded UI, which has the options of dagster-webserver."""


def service(unit: Path) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd tells capitals apart
    parser.read_string(unit.read_text("utf-8"))
    return parser["Service"]


def unit_commands() -> list[list[str]]:
    found = [service(unit).get(name) for unit in UNITS for name in ("ExecStartPre", "ExecStart")]
    return [shlex.split(command) for command in found if command]


def container_commands() -> list[list[str]]:
    exact = [json.loads(words) for words in re.findall(r"^\s*CMD (\[.*\])$", CONTAINERFILE, re.MULTILINE)]
    daemon = COMPOSE["services"]["daemon"]
    by_shell = [shlex.split(command) for command in daemon["command"][2].replace("exec ", "").split(" && ")]
    services = COMPOSE_POSTGRES["services"]
    on_postgres = [container["command"] for container in services.values() if "command" in container]
    return [*exact, *by_shell, *on_postgres, services["accounts"]["healthcheck"]["test"][1:]]


def liveness_checks() -> list[list[str]]:
    """Return how each guide and file asks whether the daemon is live: the variables, then the command."""
    composed = [
        compose["services"]["daemon"]["healthcheck"]["test"] for compose in (COMPOSE, COMPOSE_POSTGRES)
    ]
    written = re.findall(r"env ([^']*?dagster-daemon liveness-check)", GUIDE.replace("\\\n", ""))
    return [*(words[2:] for words in composed), *map(shlex.split, written)]


def test_the_ui_has_a_guard_wherever_it_is_served() -> None:
    uis = [command for command in [*unit_commands(), *container_commands()] if "--port" in command]
    assert [command[1:3] for command in uis] == [UI, UI, UI]


def test_the_health_check_of_the_container_uses_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    (check,) = [command for command in container_commands() if "server_info" in command[-1]]
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(b"{}") as (address, asked):
        exec(check[-1].replace("http://127.0.0.1:3000", address))  # noqa: S102  our own command
    assert asked[0].path == "/server_info"


def test_a_daemon_is_live_for_five_minutes_after_its_last_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = liveness_checks()
    (tolerance,) = {word for check in checks for word in check if word.startswith("DAGSTER_DAEMON")}
    assert [tolerance in check for check in checks] == [True] * 4
    monkeypatch.setenv("DAGSTER_HOME", str(create_dagster_home(tmp_path)))
    monkeypatch.setenv(*tolerance.split("="))
    codes = {}
    with dg.DagsterInstance.get() as instance:
        for minutes in (4, 6):
            last = time.time() - timedelta(minutes=minutes).total_seconds()
            for kind in instance.get_required_daemon_types():
                instance.add_daemon_heartbeat(DaemonHeartbeat(last, kind, None, None))
            codes[minutes] = CliRunner().invoke(daemon_cli, [checks[0][-1]]).exit_code
    assert codes == {4: 0, 6: 1}


def test_there_is_a_unit_for_the_ui_and_one_for_the_daemon() -> None:
    assert [unit.name for unit in UNITS] == [
        "trackdrive-dagster-daemon.service",
        "trackdrive-dagster-webserver.service",
    ]


@pytest.mark.parametrize("command", [*unit_commands(), *container_commands()], ids=" ".join)
def test_every_command_and_file_exists(command: list[str]) -> None:
    program, *arguments = command
    assert (BIN / Path(program).name).exists()
    for argument in arguments:
        if argument.endswith((".py", ".yaml")):
            assert (PROJECT / argument).exists()


@pytest.mark.parametrize("command", [*unit_commands(), *container_commands()], ids=" ".join)
def test_every_option_of_a_command_exists(command: list[str]) -> None:
    program, *arguments = command
    if arguments[:2] == UI:
        program, *arguments = "dagster-webserver", *arguments[2:]
    options = [argument for argument in arguments if argument.startswith("-") and "dagster" in program]
    if not options:
        return
    words = [*itertools.takewhile(lambda argument: not argument.startswith("-"), arguments), "--help"]
    text = output_of(Path(program).name, *words)
    for option in options:
        assert re.search(rf"(^|[\s,]){re.escape(option)}\b", text), option


@functools.cache
def output_of(program: str, *arguments: str) -> str:
    """Return what an installed program prints."""
    return subprocess.run([BIN / program, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_run_the_installed_commands_as_their_own_user(unit: Path) -> None:
    settings = service(unit)
    assert settings["User"] == settings["Group"] == "trackdrive"
    assert settings["WorkingDirectory"] == INSTALLED
    assert settings["ExecStart"].startswith(f"{INSTALLED}/.venv/bin/")
    assert (settings["ProtectSystem"], settings["NoNewPrivileges"]) == ("strict", "true")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_owns_the_folders_of_its_variables(unit: Path) -> None:
    folders = dict(pair.split("=") for pair in service(unit)["Environment"].split())
    assert folders.keys() == {"DAGSTER_HOME", "TRACKDRIVE_LAKE"}
    assert {value.removeprefix("/var/lib/") for value in folders.values()} <= set(
        service(unit)["StateDirectory"].split()
    )


def test_every_variable_of_the_example_is_a_setting() -> None:
    example = (DEPLOY / "trackdrive.env.example").read_text("utf-8")
    named = set(re.findall(r"^(?:# )?(\w+)=", example, re.MULTILINE))
    assert {"TRACKDRIVE_SUBDOMAIN", "TRACKDRIVE_TIME_ZONE"} <= named <= {*VARIABLES, "DAGSTER_HOME"}


def test_every_file_of_the_image_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE)
    names = [name for words in copied for name in words.split() if name != "${INSTANCE}"]
    names += re.findall(r"^ARG INSTANCE=(\S+)$", CONTAINERFILE, re.MULTILINE)
    assert {"requirements.lock", "trackdrive_assets"} <= set(names)
    assert all((PROJECT / name).exists() for name in names)


def test_the_image_installs_the_lock_with_its_hashes_and_runs_without_root() -> None:
    assert "--require-hashes -r requirements.lock" in CONTAINERFILE
    assert re.findall(r"^USER (\w+)$", CONTAINERFILE, re.MULTILINE) == ["trackdrive"]


def test_both_containers_share_a_volume_and_listen_on_loopback() -> None:
    services = COMPOSE["services"].values()
    assert [container["volumes"] for container in services] == [["trackdrive:/var/lib/trackdrive"]] * 2
    assert all(port.startswith("127.0.0.1:") for container in services for port in container["ports"])


def test_the_instance_files_differ_only_where_their_places_do() -> None:
    own = {"storage", "event_log_storage", "run_launcher", "concurrency"}
    assert all(POSTGRES[key] == SQLITE[key] for key in SQLITE.keys() - own)
    assert {**POSTGRES, "run_launcher": DOCKER["run_launcher"]} == DOCKER
    runs, pools = POSTGRES["concurrency"]["runs"], POSTGRES["concurrency"]["pools"]
    assert pools == SQLITE["concurrency"]["pools"]
    assert runs == {**SQLITE["concurrency"]["runs"], "max_concurrent_runs": 25}


@pytest.mark.parametrize("name", ["dagster-postgres.yaml", "dagster-docker.yaml"])
def test_dagster_reads_the_instance_file(name: str, tmp_path: Path) -> None:
    shutil.copy(DEPLOY / name, tmp_path / "dagster.yaml")
    config, _ = dagster_instance_config(str(tmp_path))
    assert config["storage"] == POSTGRES["storage"]


def test_a_connection_without_an_answer_ends_within_a_minute() -> None:
    params = POSTGRES["storage"]["postgres"]["postgres_db"]["params"]
    assert HELM["postgresql"]["postgresqlParams"] == params
    silence = params["keepalives_idle"] + params["keepalives_interval"] * params["keepalives_count"]
    assert max(silence, params["tcp_user_timeout"] / 1000, params["connect_timeout"]) <= 30


def test_the_chart_has_the_limits_of_the_instance_file() -> None:
    runs, pools = POSTGRES["concurrency"]["runs"], POSTGRES["concurrency"]["pools"]
    assert HELM["concurrency"] == {
        "enabled": True,
        "pools": {"defaultLimit": pools["default_limit"], "granularity": pools["granularity"]},
        "runs": {
            "maxConcurrentRuns": runs["max_concurrent_runs"],
            "tagConcurrencyLimits": runs["tag_concurrency_limits"],
        },
    }


def test_the_file_of_dagster_plus_is_valid() -> None:
    load_dagster_cloud_yaml((DEPLOY / "dagster_cloud.yaml").read_text("utf-8"))


def test_containers_of_runs_get_the_database_and_reach_it() -> None:
    launcher = DOCKER["run_launcher"]["config"]
    named = {
        value["env"] for value in POSTGRES["storage"]["postgres"]["postgres_db"].values() if "env" in value
    }
    assert named <= set(launcher["env_vars"])
    assert {name for name in launcher["env_vars"] if name.startswith("TRACKDRIVE_")} <= VARIABLES
    assert launcher["network"] == COMPOSE_POSTGRES["networks"]["trackdrive"]["name"]


def test_the_workspace_names_the_code_server_of_compose() -> None:
    workspace = yaml.safe_load((DEPLOY / "workspace-servers.yaml").read_text("utf-8"))
    (server,) = (entry["grpc_server"] for entry in workspace["load_from"])
    command = COMPOSE_POSTGRES["services"][server["host"]]["command"]
    assert command[-2:] == ["-p", str(server["port"])]


def test_the_ui_on_postgres_listens_on_loopback() -> None:
    services = COMPOSE_POSTGRES["services"].values()
    ports = [port for container in services for port in container.get("ports", [])]
    assert ports == ["127.0.0.1:3000:3000"]


def test_the_guide_names_every_file_of_the_folder() -> None:
    assert [file.name for file in sorted(DEPLOY.iterdir()) if file.is_file() and file.name not in GUIDE] == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    # It wants the programs where the unit has them; here they are in this environment.
    for name in UNITS:
        text = name.read_text("utf-8").replace(f"{INSTALLED}/.venv/bin", str(BIN)).replace(INSTALLED, "/")
        (tmp_path / name.name).write_text(text, "utf-8")
    said = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / unit.name], capture_output=True, text=True, check=False
    )
    assert [line for line in said.stderr.splitlines() if unit.name in line] == []
    assert said.returncode == 0
