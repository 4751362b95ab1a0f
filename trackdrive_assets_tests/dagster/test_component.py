"""The component of an account: what its `defs.yaml` makes, and what it refuses."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml  # type: ignore[import-untyped]  # Dagster brings it, without types
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.core.package_entry import discover_entry_point_package_objects
from dagster.components.testing.utils import DefsFolderSandbox, create_defs_folder_sandbox
from pydantic import ValidationError

from trackdrive_assets import TrackdriveAccountComponent
from trackdrive_assets.lake.identity import LakeIdentity
from trackdrive_assets.lake.ownership import claim
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.conftest import NOW

SECRET = "tdprv-never-in-a-snapshot"
# Dagster's own loader of components uses what pydantic deprecates, and what Dagster calls beta and preview.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated"),
    pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning"),
    pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.PreviewWarning"),
]

TYPE = "trackdrive_assets.TrackdriveAccountComponent"


class OwnedAccount(TrackdriveAccountComponent):
    """The component of a user, who changes the specs."""

    def get_asset_spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(owners=["team:calls"])


@pytest.fixture
def project() -> Iterator[DefsFolderSandbox]:
    with create_defs_folder_sandbox() as sandbox:
        yield sandbox


def attributes(subdomain: str = "acme", **others: object) -> dict[str, Any]:
    account = {
        "subdomain": subdomain,
        "public_key": "{{ env.ACME_PUBLIC_KEY }}",
        "private_key": "{{ env.ACME_PRIVATE_KEY }}",
    }
    return {"account": account, "lake": f"data/account={subdomain}", "start_date": "2024-03-01", **others}


def add(project: DefsFolderSandbox, folder: str, *components: Mapping[str, Any]) -> Path:
    """Write a `defs.yaml` with one or several components."""
    path = project.defs_folder_path / folder
    path.mkdir()
    texts = [yaml.safe_dump({"type": TYPE, "attributes": each}) for each in components]
    (path / "defs.yaml").write_text("---\n".join(texts))
    return path / "defs.yaml"


@contextmanager
def loaded(project: DefsFolderSandbox) -> Iterator[dg.Definitions]:
    with project.build_all_defs() as definitions:
        yield definitions


def keys(definitions: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def error_of(project: DefsFolderSandbox) -> str:
    """Return the messages of the error at loading, and of all that caused it."""
    with pytest.raises(ComponentTreeException) as raised, loaded(project):
        pass
    messages = []
    each: BaseException | None = raised.value
    while each is not None:
        messages.append(str(each))
        each = each.__cause__ or each.__context__
    return "\n".join(messages)


def test_dg_finds_the_components_by_the_entry_point() -> None:
    found = {(key.namespace, key.name) for key in discover_entry_point_package_objects()}
    assert {
        ("trackdrive_assets", "TrackdriveAccountComponent"),
        ("trackdrive_assets", "TrackdriveAccountsComponent"),
    } <= found


def test_accounts_in_two_files_and_in_one_file_load_together(project: DefsFolderSandbox) -> None:
    add(project, "acme", attributes())
    add(project, "others", attributes("zenith"), attributes("nadir"))
    with loaded(project) as definitions:
        assert {"acme/calls", "zenith/calls", "nadir/views/daily_summary"} <= keys(definitions)


def test_every_attribute_reaches_the_definitions(project: DefsFolderSandbox) -> None:
    add(
        project,
        "acme",
        attributes(
            time_zone="America/New_York",
            schedules=["nightly"],
            lookback=3,
            categories=["buyer_id"],
            interval="1d",
            intraday_minutes=30,
            intraday_tables=["calls"],
            days_per_run=5,
            page_days=7,
            exclusions=["caller_number"],
        ),
    )
    with loaded(project) as definitions:
        assert {key for key in keys(definitions) if "/reports/" in key} == {"acme/reports/buyer_id"}
        calls = definitions.resolve_assets_def(dg.AssetKey(["acme", "calls"]))
        assert isinstance(calls.partitions_def, dg.DailyPartitionsDefinition)
        assert calls.partitions_def.timezone == "America/New_York"
        assert calls.partitions_def.start.date() == date(2024, 3, 1)
        assert calls.backfill_policy == dg.BackfillPolicy.multi_run(5)
        assert "acme/page" in keys(definitions)
        nightly = definitions.resolve_schedule_def("acme_nightly")
        assert nightly.default_status is dg.DefaultScheduleStatus.RUNNING
        intraday = definitions.resolve_schedule_def("acme_intraday")
        assert (intraday.cron_schedule, intraday.default_status) == (
            "*/30 * * * *",
            dg.DefaultScheduleStatus.STOPPED,
        )


def test_the_sensor_posts_to_the_webhook_of_the_account(
    project: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_WEBHOOK_URL", "https://hooks.example.com/acme")
    add(project, "acme", attributes(webhook_url="{{ env.ACME_WEBHOOK_URL }}"))
    add(project, "zenith", attributes("zenith"))
    with loaded(project) as definitions:
        statuses = [
            definitions.resolve_sensor_def(f"{name}_report_failures").default_status
            for name in ("acme", "zenith")
        ]
    assert statuses == [dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED]


def test_a_secret_in_plain_text_is_refused_and_not_shown(project: DefsFolderSandbox) -> None:
    given = attributes()
    given["account"]["private_key"] = SECRET
    add(project, "acme", given)
    message = error_of(project)
    assert SECRET not in message
    assert "written in plain text" in message
    assert "env.ACME_PRIVATE_KEY" in message


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": {"subdomain": "acme", "privat_key": SECRET}},
        {"account": {"subdomain": "acme", "private_key": [SECRET]}},
        {"account": {"subdomain": "{{ acme }}", "private_key": SECRET}},
        {"private_key": SECRET},
        {"webhook_url": SECRET},
    ],
)
def test_no_error_of_attributes_shows_a_secret(
    project: DefsFolderSandbox, wrong: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    add(project, "acme", attributes(**wrong))
    message = error_of(project)
    assert SECRET[:20] not in message
    assert "defs.yaml" in message
    assert SECRET[:20] not in str(capfd.readouterr())


def test_no_snapshot_of_a_run_contains_a_secret(
    project: DefsFolderSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(seed=1, calls_per_day=5, first_day=date(2024, 3, 1), now=lambda: NOW) as server:
        monkeypatch.setenv("ACME_PUBLIC_KEY", server.public_key)
        monkeypatch.setenv("ACME_PRIVATE_KEY", server.private_key)
        given = attributes(lake=str(tmp_path / "lake"))
        given["account"] |= {"subdomain": None, "base_url": server.base_url, "name": "acme"}
        add(project, "acme", given)
        with loaded(project) as definitions, dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
            job = definitions.resolve_implicit_global_asset_job_def().get_subset(
                asset_selection={dg.AssetKey(["acme", "calls"])}, asset_check_selection=set()
            )
            result = job.execute_in_process(instance=instance, partition_key="2024-03-02")
            assert result.success
            # It is compressed in the database.
            snapshot = repr(instance.get_job_snapshot(result.dagster_run.job_snapshot_id or ""))
        assert server.private_key not in snapshot
        stored = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert not [path for path in stored if server.private_key.encode() in path.read_bytes()]


def test_a_broken_account_is_one_failing_asset_and_hides_no_other(project: DefsFolderSandbox) -> None:
    add(project, "acme", attributes())
    add(project, "zenith", attributes("zenith", time_zone="Mars/Olympus"))
    with loaded(project) as definitions:
        assert {key for key in keys(definitions) if key.startswith("zenith/")} == {"zenith/broken_account"}
        assert "acme/calls" in keys(definitions)
        broken = definitions.resolve_assets_def(dg.AssetKey(["zenith", "broken_account"]))
        assert "Mars/Olympus" in str(broken.descriptions_by_key)
        result = dg.materialize([broken], raise_on_error=False)
        assert not result.success


@pytest.mark.parametrize(
    ("account", "key"),
    [
        ({"subdomain": "zenith", "name": "zenith east"}, "zenith_east/broken_account"),
        ({"subdomain": "zenith", "name": "calls"}, "calls_/broken_account"),
        ({}, "zenith/broken_account"),
    ],
)
def test_an_account_without_a_usable_name_hides_no_other(
    project: DefsFolderSandbox, account: dict[str, str], key: str
) -> None:
    add(project, "acme", attributes())
    add(project, "zenith", {"account": account, "lake": "data/account=zenith"})
    with loaded(project) as definitions:
        assert {"acme/calls", key} <= keys(definitions)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"private_key": None}, "account.private_key is not set, but account.public_key is"),
        ({"private_key": None, "public_key": None}, "set account.public_key and account.private_key"),
        ({"auth_token_in": "body"}, "account.auth_token_in is invalid"),
    ],
)
def test_the_reason_of_a_broken_account_names_attributes(
    project: DefsFolderSandbox, wrong: dict[str, object], reason: str
) -> None:
    given = attributes()
    given["account"] |= wrong
    add(project, "acme", given)
    with loaded(project) as definitions:
        broken = definitions.resolve_assets_def(dg.AssetKey(["acme", "broken_account"]))
        assert reason in str(broken.descriptions_by_key)


def test_an_invalid_webhook_breaks_the_account_and_is_not_shown(
    project: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", SECRET)
    add(project, "acme", attributes(webhook_url="{{ env.HOOK }}"))
    with loaded(project) as definitions:
        broken = definitions.resolve_assets_def(dg.AssetKey(["acme", "broken_account"]))
        reason = str(broken.descriptions_by_key)
    assert " webhook_url is invalid" in reason
    assert SECRET not in reason


def test_dagster_logs_the_reason_of_a_broken_account_with_the_attribute(
    project: DefsFolderSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    add(project, "zenith", attributes("zenith", lookback=0, webhook_url="{{ env.NO_WEBHOOK }}"))
    add(project, "acme", attributes(webhook_url="{{ env.NO_WEBHOOK }}"))
    with loaded(project):
        pass
    # Dagster shows its own loggers, in `dg check defs` too.
    logged = {record.message for record in caplog.records if record.name.startswith("dagster.")}
    assert any("zenith: lookback is invalid" in message for message in logged)
    assert any("NO_WEBHOOK is not set, so no failure of the account acme" in message for message in logged)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("lake", "{{ env.NOT_SET }}/account=acme"),
        ("lake", "{{ env.NOT_SET }}"),
        ("time_zone", "{{ env.NOT_SET }}"),
        ("exclusions", "{{ env.NOT_SET }}"),
        ("account", {"name": "acme", "subdomain": "{{ env.NOT_SET }}"}),
    ],
)
def test_a_variable_that_is_not_set_breaks_the_account(
    project: DefsFolderSandbox, attribute: str, value: object
) -> None:
    add(project, "acme", attributes() | {attribute: value})
    with loaded(project) as definitions:
        assert keys(definitions) == {"acme/broken_account"}
        broken = definitions.resolve_assets_def(dg.AssetKey(["acme", "broken_account"]))
        assert "NOT_SET is not set" in str(broken.descriptions_by_key)


def test_a_store_whose_extra_is_missing_breaks_the_account(
    project: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    add(project, "acme", attributes(lake="s3://bucket/acme"))
    add(project, "zenith", attributes("zenith"))
    with loaded(project) as definitions:
        assert {"acme/broken_account", "zenith/calls"} <= keys(definitions)
        broken = definitions.resolve_assets_def(dg.AssetKey(["acme", "broken_account"]))
        assert "pip install 'trackdrive-assets[s3]'" in str(broken.descriptions_by_key)


def test_a_lake_has_the_values_of_its_variables(
    project: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKES", "/lakes")
    add(project, "one", attributes(lake="{{ env.LAKES }}/account=acme"))
    add(project, "other", attributes(lake="/lakes/account=acme"))
    # The two folders are equal, so they are refused.
    assert "the lake /lakes/account=acme" in error_of(project)


def test_two_components_of_one_account_and_lake_are_refused(project: DefsFolderSandbox) -> None:
    one = attributes()
    other = attributes()
    other["account"] = {**other["account"], "name": "second"}
    files = [add(project, "one", one), add(project, "other", other)]
    message = error_of(project)
    assert "both have the account acme" in message
    assert all(str(file.parent) in message for file in files)


@pytest.mark.parametrize("name", ["acme-east", "acme_east", "ACME-East"])
def test_two_components_of_one_name_are_refused(project: DefsFolderSandbox, name: str) -> None:
    other = attributes("zenith")
    other["account"]["name"] = name
    files = [add(project, "one", attributes("acme-east")), add(project, "other", other)]
    message = error_of(project)
    assert "both have the name" in message
    assert all(str(file.parent) in message for file in files)


def test_other_spellings_of_one_account_and_lake_are_refused(project: DefsFolderSandbox) -> None:
    other = attributes(lake="./data/../data/account=acme/")
    other["account"] = {"name": "second", "base_url": "https://ACME.trackdrive.com"}
    add(project, "one", attributes())
    add(project, "other", other)
    assert "both have the account" in error_of(project)


def test_a_translation_changes_the_attributes_of_assets(project: DefsFolderSandbox) -> None:
    add(project, "acme", attributes(translation={"tags": {"table": "{{ table }}"}, "group_name": "phone"}))
    with loaded(project) as definitions:
        spec = definitions.resolve_assets_def(dg.AssetKey(["acme", "reports", "buyer_id"])).get_asset_spec(
            dg.AssetKey(["acme", "reports", "buyer_id"])
        )
        assert (spec.tags["table"], spec.group_name) == ("reports", "phone")


def test_a_translation_that_changes_keys_is_refused(project: DefsFolderSandbox) -> None:
    add(project, "acme", attributes(translation={"key_prefix": "mine"}))
    assert "must not change keys" in error_of(project)


def test_a_subclass_changes_the_spec_of_an_asset(project: DefsFolderSandbox) -> None:
    path = add(project, "acme", attributes())
    path.write_text(path.read_text().replace(TYPE, f"{__name__}.{OwnedAccount.__name__}"))
    with loaded(project) as definitions:
        key = dg.AssetKey(["acme", "calls"])
        assert definitions.resolve_assets_def(key).get_asset_spec(key).owners == ["team:calls"]


@pytest.mark.parametrize(
    ("subdomain", "variable"), [("acme-east", "ACME_EAST"), ("1800-leads", "ACCOUNT_1800_LEADS")]
)
def test_the_scaffolder_writes_a_component_with_variables_as_keys(
    project: DefsFolderSandbox, subdomain: str, variable: str
) -> None:
    path = project.scaffold_component(
        TrackdriveAccountComponent,
        "acme",
        scaffold_params={"subdomain": subdomain, "time_zone": "America/New_York"},
    )
    written = yaml.safe_load((path / "defs.yaml").read_text())["attributes"]
    assert written["account"] == {
        "subdomain": subdomain,
        "public_key": f"{{{{ env.{variable}_PUBLIC_KEY }}}}",
        "private_key": f"{{{{ env.{variable}_PRIVATE_KEY }}}}",
    }
    with loaded(project) as definitions:
        assert f"{subdomain}/calls" in keys(definitions)


@pytest.mark.parametrize("subdomain", ["acme.trackdrive.com", "https://acme.trackdrive.com", "acme east"])
def test_the_scaffolder_refuses_what_is_no_subdomain(project: DefsFolderSandbox, subdomain: str) -> None:
    with pytest.raises(ValidationError, match="use only the first part of the host"):
        project.scaffold_component(
            TrackdriveAccountComponent, "acme", scaffold_params={"subdomain": subdomain}
        )


def test_attributes_after_loading_change_what_was_loaded(project: DefsFolderSandbox) -> None:
    path = add(project, "acme", attributes())
    content = yaml.safe_load(path.read_text())
    content["post_processing"] = {"assets": [{"target": "*", "attributes": {"tags": {"team": "calls"}}}]}
    path.write_text(yaml.safe_dump(content))
    with loaded(project) as definitions:
        key = dg.AssetKey(["acme", "calls"])
        assert definitions.resolve_assets_def(key).get_asset_spec(key).tags["team"] == "calls"


def test_the_file_over_all_accounts_is_an_asset_after_their_views(
    project: DefsFolderSandbox, tmp_path: Path
) -> None:
    lake = claim(Lake(tmp_path / "account=acme"), LakeIdentity("acme.trackdrive.com", "UTC"))
    with lake.replace("calls", CALLS.schema, date(2024, 6, 19)):
        pass
    add(project, "acme", attributes(lake=lake.root))
    path = add(project, "all", {"lake": str(tmp_path), "accounts": ["acme"]})
    path.write_text(path.read_text().replace(TYPE, "trackdrive_assets.TrackdriveAccountsComponent"))
    with loaded(project) as definitions:
        key = dg.AssetKey(["all_accounts", "views"])
        (dep,) = definitions.resolve_assets_def(key).get_asset_spec(key).deps
        assert dep.asset_key == dg.AssetKey(["acme", "views", "calls"])
        assert dg.materialize([definitions.resolve_assets_def(key)]).success
    with duckdb.connect(str(tmp_path / "trackdrive.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM calls").fetchall() == [(0,)]


def test_a_root_whose_variable_is_not_set_hides_no_account(project: DefsFolderSandbox) -> None:
    add(project, "acme", attributes())
    path = add(project, "all", {"lake": "{{ env.NOT_SET }}", "accounts": ["acme"]})
    path.write_text(path.read_text().replace(TYPE, "trackdrive_assets.TrackdriveAccountsComponent"))
    with loaded(project) as definitions:
        assert "acme/calls" in keys(definitions)
        asset = definitions.resolve_assets_def(dg.AssetKey(["all_accounts", "views"]))
        with pytest.raises(dg.Failure, match="NOT_SET is not set"):
            dg.materialize([asset])
