"""The guard of the UI, and what a launch may configure, on a real server."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.ui import refusal
from trackdrive_assets.settings import Settings

PUBLIC_URL = "https://dagster.example.com/trackdrive"
MUTATION = (
    'mutation Launch { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["calls"]}}]) { __typename } }'
)
JOBS = [job.name for job in build_definitions(Settings()).get_repository_def().get_all_jobs()]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:3000", None),
        ("localhost:8080", "http://localhost:8080"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("LOCALHOST:3000", None),
        ("dagster.example.com", "https://dagster.example.com"),
        ("dagster.example.com:443", None),
        # A proxy that passes its own name for the host.
        ("127.0.0.1:3000", "https://dagster.example.com"),
    ],
)
def test_requests_of_the_ui_itself_pass(host: str, origin: str | None) -> None:
    assert refusal("POST", "/graphql", "", host=host, origin=origin, ui_url=PUBLIC_URL) is None


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        # A name of another site that leads to this machine.
        ("evil.example:3000", None),
        ("evil.example:3000", "http://evil.example:3000"),
        ("127.0.0.1.evil.example", None),
        ("localhost.evil.example:3000", None),
        ("dagster.example.com.evil.example", None),
        ("192.168.1.7:3000", None),
        ("", None),
        ("[::1", None),
        # Another page.
        ("127.0.0.1:3000", "https://evil.example"),
        ("127.0.0.1:3000", "null"),
        ("127.0.0.1:3000", ""),
        # Another program on this machine, such as a notebook.
        ("127.0.0.1:3000", "http://127.0.0.1:8888"),
        ("127.0.0.1:3000", "http://localhost:3000"),
        ("127.0.0.1:3000", "https://127.0.0.1:3000"),
        ("dagster.example.com", "http://dagster.example.com"),
        ("dagster.example.com", "https://dagster.example.com.evil.example"),
        ("dagster.example.com", "https://dagster.example.com:8443"),
    ],
)
def test_another_host_or_origin_is_refused(host: str, origin: str | None) -> None:
    assert refusal("POST", "/graphql", "", host=host, origin=origin, ui_url=PUBLIC_URL)


def test_a_public_host_is_refused_without_its_setting() -> None:
    message = refusal("GET", "/", "", host="dagster.example.com", origin=None)
    assert message is not None
    assert "set TRACKDRIVE_UI_URL" in message


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/prefix/graphql"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_graphql_is_answered_by_post_only(method: str, path: str) -> None:
    assert refusal(method, path, "query=x", host="localhost", origin=None)
    assert refusal("POST", path, "query=x", host="localhost", origin=None) is None


def test_pages_and_their_links_are_answered_by_get() -> None:
    for path, query in (("/", ""), ("/runs", "q=status:failure"), ("/graphql", "")):
        assert refusal("GET", path, query, host="localhost:3000", origin=None) is None


@dataclass(frozen=True)
class Ui:
    """A running UI on an account that does not exist."""

    url: str

    def graphql(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send a query as the UI does, and return its data."""
        body: Any = {"query": query, "variables": dict(variables)}
        response = requests.post(f"{self.url}/graphql", json=body, timeout=60)
        data: dict[str, Any] = response.json()["data"]
        return data


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRACKDRIVE_")}
    command = [sys.executable, "-m", "trackdrive_assets.dagster.ui", "-m", "trackdrive_assets.definitions"]
    with subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=home,
        env=inherited
        | {
            "DAGSTER_HOME": str(home),
            "TRACKDRIVE_SUBDOMAIN": "acme",
            "TRACKDRIVE_PRIVATE_KEY": "s3cr3t-key",
            "TRACKDRIVE_PUBLIC_KEY": "public-key",
            "TRACKDRIVE_UI_URL": PUBLIC_URL,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        url = f"http://127.0.0.1:{port}"
        while process.poll() is None:
            with suppress(requests.ConnectionError):
                requests.get(f"{url}/server_info", timeout=60)
                break
        yield Ui(url)
        process.terminate()


def test_a_real_server_refuses_every_way_of_another_page(ui: Ui) -> None:
    page = {"Origin": "https://evil.example"}
    json_body = f'{{"query": "{MUTATION}"}}'.encode()
    endpoint, in_url = f"{ui.url}/graphql", f"{ui.url}/graphql?query={quote(MUTATION)}&operationName=Launch"
    answers = [
        requests.get(in_url, timeout=60),
        requests.get(in_url, headers={"Accept": "text/html"}, timeout=60),
        requests.head(in_url, timeout=60),
        requests.post(in_url, headers=page, timeout=60),
        requests.post(endpoint, json_body, headers={**page, "Content-Type": "application/json"}, timeout=60),
        # What a form or a simple request of a page can send without asking first.
        requests.post(
            endpoint, json_body, headers={**page, "Content-Type": "text/plain; application/json"}, timeout=60
        ),
        requests.post(in_url, files={"query": MUTATION}, headers=page, timeout=60),
        requests.post(endpoint, b"[" + json_body + b"]", headers=page, timeout=60),
        requests.post(f"{ui.url}/report_asset_materialization/calls", headers=page, timeout=60),
        requests.get(f"{ui.url}/", headers={"Host": "evil.example"}, timeout=60),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_real_server_refuses_the_websocket_of_another_page(ui: Ui, origin: str) -> None:
    address = ui.url.replace("http", "ws") + "/graphql"
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, origin=Origin(origin), subprotocols=[Subprotocol("graphql-ws")])
    with connect(address, origin=Origin(ui.url), subprotocols=[Subprotocol("graphql-ws")]) as websocket:
        websocket.send('{"type": "connection_init"}')
        assert "connection_ack" in str(websocket.recv())


def test_no_page_can_show_the_ui_in_a_frame(ui: Ui) -> None:
    assert requests.get(ui.url, timeout=60).headers["X-Frame-Options"] == "SAMEORIGIN"


def config_errors(ui: Ui, job: str, config: Mapping[str, Any]) -> list[str]:
    """Return why Dagster refuses a launch with a config."""
    data = ui.graphql(
        """query ($job: PipelineSelector!, $config: RunConfigData) {
            isPipelineConfigValid(pipeline: $job, runConfigData: $config, mode: "default") {
                __typename ... on RunConfigValidationInvalid { errors { message } }
            }
        }""",
        {
            "job": {
                "repositoryLocationName": "trackdrive_assets.definitions",
                "repositoryName": "__repository__",
                "pipelineName": job,
            },
            "config": config,
        },
    )["isPipelineConfigValid"]
    return [error["message"] for error in data.get("errors", [])]


STEAL = {"env": "TRACKDRIVE_PRIVATE_KEY"}


@pytest.mark.parametrize("job", JOBS)
def test_no_launch_configures_a_resource(ui: Ui, job: str) -> None:
    for resource, field in (
        ("trackdrive", "base_url"),
        ("trackdrive", "private_key"),
        ("trackdrive", "per_page"),
        ("lake", "path"),
        ("trackdrive_lake", "path"),
    ):
        for value in (STEAL, "http://evil.example"):
            errors = config_errors(ui, job, {"resources": {resource: {"config": {field: value}}}})
            # A job that does not use a resource refuses the resource, and not only its field.
            refused = (f'unexpected config entry "{name}"' for name in (resource, field))
            assert any(text in error for text in refused for error in errors), errors


@pytest.mark.parametrize(
    ("job", "step", "config"),
    [
        ("hang_up_calls", "hang_up", {"uuids": [STEAL], "confirmation": "hang up 1 call"}),
        ("hang_up_calls", "hang_up", {"uuids": ["x"], "confirmation": STEAL}),
        ("refetch_calls", "refetch", {"uuids": [STEAL]}),
    ],
)
def test_no_config_of_a_job_reads_a_variable(ui: Ui, job: str, step: str, config: Mapping[str, Any]) -> None:
    errors = config_errors(ui, job, {"ops": {step: {"config": config}}})
    assert errors
    assert "s3cr3t-key" not in str(errors)


def test_the_snapshot_of_a_job_has_no_secret(ui: Ui) -> None:
    data = ui.graphql(
        """{ repositoriesOrError { ... on RepositoryConnection { nodes { allTopLevelResourceDetails {
            name configuredValues { key value } } } } } }""",
        {},
    )
    assert "trackdrive" in str(data)
    assert "s3cr3t-key" not in str(data)
