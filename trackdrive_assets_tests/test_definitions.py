"""The definitions as Dagster shows them: keys, columns, policies. Importing them has no effect."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import trackdrive_assets
from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS, REPORT_CATEGORIES
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.definitions import defs
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.settings import SettingError, Settings
from trackdrive_assets.tables.columns import TABLES

GRAPH = build_definitions(Settings()).resolve_asset_graph()
API_KEYS = sorted(key for key in GRAPH.get_all_asset_keys() if key.path[0] != "views")


def test_the_keys_of_the_assets_are_the_contract() -> None:
    assert {key.to_user_string() for key in GRAPH.get_all_asset_keys()} == {
        "calls",
        "call_changes",
        *(f"reports/{category}" for category in REPORT_CATEGORIES),
        *(f"stats/{group_by}" for group_by in LEGACY_GROUP_BYS),
        *(f"views/{table.name}" for table in TABLES),
        *(f"views/{name}" for name in views()),
    }


@pytest.mark.parametrize("key", API_KEYS, ids=str)
def test_a_range_of_days_is_one_run(key: dg.AssetKey) -> None:
    assert GRAPH.get(key).backfill_policy == dg.BackfillPolicy.single_run()


def test_a_setting_limits_the_days_of_a_run_of_a_backfill() -> None:
    graph = build_definitions(Settings(days_per_run=7)).resolve_asset_graph()
    assert {graph.get(key).backfill_policy for key in API_KEYS} == {dg.BackfillPolicy.multi_run(7)}


@pytest.mark.parametrize("key", API_KEYS, ids=str)
def test_every_column_has_a_description(key: dg.AssetKey) -> None:
    schema = GRAPH.get(key).metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert schema.columns[-1].name == "date"
    assert all(column.description for column in schema.columns)


@pytest.mark.parametrize("key", sorted(GRAPH.get_all_asset_keys()), ids=str)
def test_an_asset_has_a_description_an_owner_and_a_kind(key: dg.AssetKey) -> None:
    node = GRAPH.get(key)
    assert re.fullmatch(r"(One row per|Each row is) .+\.", node.description or ""), node.description
    assert node.owners
    assert node.kinds
    assert node.group_name in {"api", "aggregates", "views"}
    assert node.metadata["dagster/table_name"]


def test_the_partitions_are_days_of_the_accounts_zone_up_to_today() -> None:
    graph = build_definitions(Settings(time_zone="Asia/Tokyo")).resolve_asset_graph()
    partitions = graph.get(dg.AssetKey("calls")).partitions_def
    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    assert partitions.timezone == "Asia/Tokyo"
    assert partitions.end_offset == 1
    assert partitions.get_first_partition_key() == "2024-01-01"


def test_views_come_after_their_sources() -> None:
    parents = {
        name: GRAPH.get(dg.AssetKey(["views", name])).parent_keys for name in ("daily_summary", "call_facts")
    }
    assert parents == {
        "daily_summary": {dg.AssetKey(["views", "call_totals"])},
        "call_facts": {dg.AssetKey(["views", "calls"])},
    }
    assert GRAPH.get(dg.AssetKey(["views", "calls"])).parent_keys == {dg.AssetKey("calls")}


PACKAGE = Path(trackdrive_assets.__file__).parent


def code_of(key: dg.AssetKey, settings: Settings) -> list[object]:
    node = build_definitions(settings).resolve_asset_graph().get(key)
    links = node.metadata["dagster/code_references"]
    assert isinstance(links, dg.CodeReferencesMetadataValue)
    return list(links.code_references)


@pytest.mark.parametrize("key", sorted(GRAPH.get_all_asset_keys()), ids=str)
def test_every_asset_links_to_its_code(key: dg.AssetKey) -> None:
    for link in code_of(key, Settings()):
        assert isinstance(link, dg.LocalFileCodeReference)
        assert Path(link.file_path).is_file()
        assert Path(link.file_path).is_relative_to(PACKAGE)


def test_a_view_links_to_its_sql_below_the_url_of_the_settings() -> None:
    settings = Settings(code_url="https://git.example.com/acme/blob/main")
    (link,) = code_of(dg.AssetKey(["views", "daily_summary"]), settings)
    assert isinstance(link, dg.UrlCodeReference)
    assert link.url == (
        "https://git.example.com/acme/blob/main/trackdrive_assets/lake/sql/views/daily_summary.sql"
    )


def test_secrets_stay_names_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKDRIVE_PRIVATE_KEY", "not-to-be-seen")
    settings = Settings.read(
        os.environ | {"TRACKDRIVE_PUBLIC_KEY": "nor-this", "TRACKDRIVE_SUBDOMAIN": "acme"}
    )
    resources = build_definitions(settings).resources
    assert resources is not None
    assert "not-to-be-seen" not in str(resources)
    assert "nor-this" not in str(resources)
    assert "not-to-be-seen" not in repr(settings)


def test_a_run_without_credentials_names_the_variables_to_set(tmp_path: Path) -> None:
    definitions = build_definitions(Settings(lake=str(tmp_path), subdomain="acme"))
    with pytest.raises(SettingError, match="TRACKDRIVE_PUBLIC_KEY and TRACKDRIVE_PRIVATE_KEY"):
        definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[dg.AssetKey("calls")], partition_key="2024-06-19"
        )


@pytest.mark.parametrize("lake", ["ftp://bucket/lake", "s3://", "lake?", "date=2024-06-19/lake"])
def test_a_lake_that_can_never_work_is_refused_when_dagster_loads(lake: str) -> None:
    with pytest.raises(LakeError, match="TRACKDRIVE_LAKE"):
        build_definitions(Settings(lake=lake))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRACKDRIVE_TIMEZONE", "America/Denver"),
        ("trackdrive_excluded_columns", "buyer"),
        ("TRACKDRIVE_EXCLUDE_COLUMNS", "caler_number"),
        ("TRACKDRIVE_TIME_ZONE", "EST"),
    ],
)
def test_a_wrong_variable_is_refused_when_dagster_loads(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=f"^{name} is "):
        defs()


def test_a_secret_in_a_variable_in_small_letters_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKDRIVE_PRIVATE_KEY", "")
    monkeypatch.setenv("trackdrive_private_key", "tdprvexample")
    defs()
    assert os.environ["TRACKDRIVE_PRIVATE_KEY"] == "tdprvexample"


def test_no_asset_is_defined_for_an_excluded_report() -> None:
    settings = Settings(exclude_columns=("Caller_Number", "buyer_id"))
    graph = build_definitions(settings).resolve_asset_graph()
    found = {key.path[-1] for key in graph.get_all_asset_keys() if key.path[0] == "reports"}
    assert found == set(REPORT_CATEGORIES) - {"contact_id", "buyer_id"}
    assert "matches_api_report_buyer_id" not in {key.name for key in graph.asset_check_keys}
    assert not graph.get(dg.AssetKey(["views", "reports"])).parent_keys - graph.get_all_asset_keys()


@pytest.mark.parametrize("key", API_KEYS, ids=str)
def test_every_asset_of_the_api_is_in_one_pool(key: dg.AssetKey) -> None:
    assert GRAPH.get(key).assets_def.node_def.pools == {"trackdrive_api"}


SCRIPT = """
import json, sys
import dagster

effects = []

def note_effect(event, arguments):
    is_write = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if is_write or event in {"socket.connect", "socket.bind"}:
        effects.append(f"{event} {arguments}")

sys.addaudithook(note_effect)
modules_before = set(sys.modules)
import trackdrive_assets.definitions
import trackdrive_assets.dagster.resources
print(json.dumps({"effects": effects, "modules": sorted(set(sys.modules) - modules_before)}))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """The effects of importing the definitions after Dagster, and the modules that they import."""
    process = subprocess.run([sys.executable, "-B", "-c", SCRIPT], capture_output=True, check=True)
    found: dict[str, list[str]] = json.loads(process.stdout)
    return found


def test_importing_the_definitions_opens_no_file_and_no_socket(imported: dict[str, list[str]]) -> None:
    assert imported["effects"] == []


def test_importing_the_definitions_imports_no_other_package(imported: dict[str, list[str]]) -> None:
    packages = {module.partition(".")[0] for module in imported["modules"]}
    assert packages - sys.stdlib_module_names == {"trackdrive_assets"}
