"""The Dagster project of `examples/project`: a component, and a monthly asset on its daily calls."""

import csv
import shutil
import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.conftest import NOW
from trackdrive_assets_tests.support.factories import lake_at, write_day

NEW_YORK = ZoneInfo("America/New_York")
FEBRUARY, MARCH = (datetime(2024, month, 1, tzinfo=NEW_YORK) for month in (2, 3))
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PROJECT = Path(__file__).parents[2] / "examples" / "project"
# Dagster's own loader of components uses what pydantic deprecates, and what Dagster calls beta and preview.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated"),
    pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning"),
    pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.PreviewWarning"),
]


@pytest.fixture
def account() -> Iterator[Sandbox]:
    with Sandbox(seed=3, calls_per_day=20, first_day=date(2024, 2, 28), now=lambda: NOW) as sandbox:
        yield sandbox


@pytest.fixture
def project(
    account: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, dg.Definitions]]:
    """A copy of the project on the sandbox, and its definitions."""
    copy = shutil.copytree(PROJECT, tmp_path / "project")
    component = copy / "src" / "acme_calls" / "defs" / "acme" / "defs.yaml"
    # A local server needs no rate limit.
    component.write_text(
        component.read_text().replace("name: acme", "name: acme\n    requests_per_second: 0")
    )
    variables = {
        "ACME_BASE_URL": account.base_url,
        "ACME_PUBLIC_KEY": account.public_key,
        "ACME_PRIVATE_KEY": account.private_key,
        "ACME_LAKE": str(tmp_path / "lake"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(copy / "src")
    yield copy, import_module("acme_calls.definitions").defs()
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_calls"]:
        del sys.modules[name]


def test_a_month_has_the_calls_of_its_days(account: Sandbox, project: tuple[Path, dg.Definitions]) -> None:
    folder, definitions = project
    lake = lake_at(folder.parent / "lake", NEW_YORK.key)
    # The account began on the last days of the month. It is faster to write empty days than to fetch them.
    for day in range(1, 27):
        write_day(lake, "calls", [], day=date(2024, 2, day))
    calls, months = dg.AssetKey(["acme", "calls"]), dg.AssetKey("buyer_months")
    job = definitions.resolve_implicit_global_asset_job_def()
    with dg.instance_for_test() as instance:
        fetched = job.get_subset(asset_selection={calls}, asset_check_selection=set()).execute_in_process(
            instance=instance,
            run_config=QUIET,
            tags={
                "dagster/asset_partition_range_start": "2024-02-27",
                "dagster/asset_partition_range_end": "2024-02-29",
            },
        )
        assert fetched.success
        month = job.get_subset(asset_selection={months}).execute_in_process(
            instance=instance, run_config=QUIET, partition_key="2024-02-01"
        )
    assert month.success
    with (folder / "buyer_months" / "2024-02-01.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sold = [call for call in account.calls(FEBRUARY, MARCH) if call["buyer_id"]]
    assert {row["buyer_id"] for row in rows} == {str(call["buyer_id"]) for call in sold}
    assert sum(int(row["calls"]) for row in rows) == len(sold)
    converted = [call for call in sold if call["buyer_converted"]]
    assert sum(int(row["converted"]) for row in rows) == len(converted)
    owed = [Decimal(str(call["revenue"] or 0)) for call in sold]
    assert sum(Decimal(row["revenue"]) for row in rows) == sum(owed) > 0
