"""The assets `reference/*`: the lists of today, off by default, and never a list of another day."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.schedules import build_schedules
from trackdrive_assets.lake.identity import LakeIdentity
from trackdrive_assets.lake.ownership import AcceptedZone, begin_zone_change, check, end_zone_change
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.lists import LISTS
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.conftest import Pipeline, why
from trackdrive_assets_tests.support.factories import lake_at, write_day

ALL = ("buyers", "offers", "traffic_sources", "numbers")


def today(pipeline: Pipeline) -> date:
    return datetime.now(ZoneInfo(pipeline.settings.time_zone)).date()


@pytest.fixture
def with_lists(pipeline: Pipeline) -> Pipeline:
    """A pipeline that stores all lists."""
    pipeline.settings = replace(pipeline.settings, reference_tables=ALL)
    return pipeline


def keys_of(settings: Settings) -> set[str]:
    graph = build_definitions(settings).resolve_asset_graph()
    return {key.to_user_string() for key in graph.get_all_asset_keys() if key.path[0] == "reference"}


@pytest.mark.parametrize(
    ("values", "lists"),
    [
        ({}, set()),
        ({"reference_tables": "numbers,buyers"}, {"buyers", "numbers"}),
        ({"reference_tables": ALL, "exclude_columns": "buyer,number_called"}, {"offers", "traffic_sources"}),
    ],
)
def test_the_settings_decide_which_lists_are_assets(values: Mapping[str, object], lists: set[str]) -> None:
    settings = Settings(**values)  # type: ignore[arg-type]  # texts, as in the environment
    assert keys_of(settings) == {f"reference/{name}" for name in lists}
    schedules = {schedule.name for schedule in build_schedules(DagsterAccount(settings))}
    assert ("reference" in schedules) is bool(lists)


def test_today_is_stored_with_a_view_of_each_list(with_lists: Pipeline) -> None:
    day = str(today(with_lists))
    with_lists.materialize("key:reference/* or key:views/*", day)
    assert f"reference/date={day}/reference.parquet" in with_lists.files()
    for root, rows in LISTS.values():
        ((count,),) = with_lists.ask(f"SELECT count(*) FROM {root}")
        metadata = with_lists.materialized(f"reference/{root}")[day]
        assert count == metadata["dagster/partition_row_count"] == len(rows)
    # The buyer that has no calls, and is in no other table.
    found = with_lists.ask("SELECT buyer, calls_30_days, is_paused FROM buyers WHERE buyer_id = 10160520")
    assert found == [("Dormant Dental", 0, True)]
    logged = with_lists.ask("SELECT grouped_by FROM fetch_log WHERE table_name = 'reference' ORDER BY 1")
    assert [name for (name,) in logged] == sorted(ALL)


def test_a_past_day_fails_and_today_is_stored(with_lists: Pipeline) -> None:
    day = today(with_lists)
    yesterday = day - timedelta(days=1)
    result = with_lists.materialize("key:reference/buyers", str(yesterday), str(day), fails=True)
    assert f"{yesterday} is over, and the API has the reference lists only as they are now" in why(result)
    assert f"Materialize the partition of today, {day}" in why(result)
    assert with_lists.materialized("reference/buyers").keys() == {str(day)}
    assert with_lists.lake.days("reference") == [day]


def test_a_list_without_permission_does_not_stop_the_others(with_lists: Pipeline) -> None:
    with_lists.sandbox.refused_lists.add("phone_numbers")
    day = str(today(with_lists))
    result = with_lists.materialize("key:reference/*", day, fails=True)
    assert "reference/numbers of" in why(result)
    assert "403" in why(result)
    for name in ("buyers", "offers", "traffic_sources"):
        assert with_lists.materialized(f"reference/{name}").keys() == {day}


def test_a_change_of_the_zone_keeps_the_snapshots(pipeline: Pipeline) -> None:
    """A day that cannot be fetched again is not among the days that the change has to replace."""
    root, day = str(pipeline.settings.lake), date(2024, 3, 12)
    lake = lake_at(root, "America/New_York")
    write_day(lake, "reference", [{"id": 7}], day=date(2024, 3, 1), part="buyers")
    write_day(lake, "calls", [], day=day)
    utc = LakeIdentity("localhost/Sandbox", "UTC")
    accepted = AcceptedZone(days=[day, day + timedelta(days=1)], first_day=date(2024, 1, 1), parts={})
    changed = begin_zone_change(Lake(root), utc, accepted)
    write_day(changed, "calls", [], day=day)
    end_zone_change(changed)
    check(Lake(root), time_zone="UTC")
    assert Lake(root).days("reference") == [date(2024, 3, 1)]
