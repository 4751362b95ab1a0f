"""The resources in another Dagster project, without our assets."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.query import Query
from trackdrive_assets.dagster.resources import LakeResource, TrackdriveResource
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import SettingError


def account(sandbox: Sandbox) -> TrackdriveResource:
    return TrackdriveResource(
        base_url=sandbox.base_url,
        public_key=dg.EnvVar("ANY_PUBLIC"),
        private_key=dg.EnvVar("ANY_PRIVATE"),
        requests_per_second=0,
    )


def test_an_asset_of_another_project_can_use_the_resource(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANY_PUBLIC", sandbox.public_key)
    monkeypatch.setenv("ANY_PRIVATE", sandbox.private_key)
    march = Query(
        created_at_from=datetime(2024, 3, 10, tzinfo=UTC), created_at_to=datetime(2024, 3, 11, tzinfo=UTC)
    )

    @dg.asset
    def finished(trackdrive: TrackdriveResource) -> list[str]:
        with trackdrive.client() as client:
            return [call["uuid"] for call in client.calls(march)]

    result = dg.materialize([finished], resources={"trackdrive": account(sandbox)})
    assert len(result.output_for_node("finished")) == len(
        sandbox.calls(datetime(2024, 3, 10, tzinfo=UTC), datetime(2024, 3, 11, tzinfo=UTC))
    )


def test_a_resolved_resource_does_not_show_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "not-to-be-seen")
    resource = TrackdriveResource(
        subdomain="acme", private_key="nor-this", public_key="or-that", auth_token=dg.EnvVar("TOKEN")
    )
    shown = repr(resource) + str(resource) + repr(resource.process_config_and_initialize())
    for secret in ("not-to-be-seen", "nor-this", "or-that"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "TRACKDRIVE_SUBDOMAIN is not set"),
        ({"subdomain": "acme"}, "No credentials"),
        ({"subdomain": "acme", "public_key": "tdpub-x"}, "TRACKDRIVE_PRIVATE_KEY is not set"),
        ({"subdomain": "https://acme.trackdrive.com"}, "TRACKDRIVE_SUBDOMAIN is invalid"),
        ({"subdomain": '"acme"'}, "TRACKDRIVE_SUBDOMAIN has quotes"),
    ],
)
def test_an_invalid_resource_fails_before_any_request(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message), TrackdriveResource(**arguments).client():
        pass


def test_a_client_has_the_options_of_its_resource() -> None:
    resource = TrackdriveResource(
        base_url="http://127.0.0.1:1",
        auth_token="x",
        per_page=7,
        connect_timeout=1,
        response_timeout=2,
        retry_budget=3,
    )
    with resource.client() as client:
        assert client.options == ClientOptions(
            per_page=7, connect_timeout=1, response_timeout=2, retry_budget=3
        )


def test_the_connections_of_a_client_are_closed_at_the_end(sandbox: Sandbox) -> None:
    resource = TrackdriveResource(base_url=sandbox.base_url, auth_token=sandbox.auth_token)
    with resource.client() as client:
        next(client.calls())
        adapter: Any = client._transport._session.get_adapter(sandbox.base_url)
        pools = adapter.poolmanager.pools
        assert len(pools) == 1
    assert len(pools) == 0


@pytest.mark.parametrize("resource", [TrackdriveResource, LakeResource])
def test_every_field_has_a_description(resource: type[TrackdriveResource] | type[LakeResource]) -> None:
    assert all(field.description for field in resource.model_fields.values())


def test_opening_the_lake_creates_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("base") / "lake"
    assert LakeResource(path=str(folder)).open().root == str(folder)
    assert not folder.exists()
