"""A `trackdrive dev` on a small sandbox, and a Chromium that uses it.

The browser tests and the screenshots use these helpers.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pyarrow.parquet as pq
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from trackdrive_assets.cli.dagster_home import create_dagster_home
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.factories import file_of, folder_of, lake_at

PROJECT = Path(__file__).parents[2]
TRACKDRIVE = Path(sys.executable).with_name("trackdrive")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZE = ViewportSize(width=1400, height=900)
TIMEOUT = 60
"""The timeout of the UI in seconds. The daemon starts backfills every 30 seconds."""


@dataclass(frozen=True)
class DevServer:
    """A running `trackdrive dev`.

    Attributes:
        url: The address of the Dagster UI.
        sandbox: The account.
        lake: The lake.
        first: The first partition. The last one is today.
        environment: The variables of its commands.
    """

    url: str
    sandbox: Sandbox
    lake: ClaimedLake
    first: date
    environment: Mapping[str, str]

    def day(self, number: int) -> str:
        """Return a partition by its number, from 0."""
        return (self.first + timedelta(days=number)).isoformat()

    @property
    def today(self) -> str:
        """The last partition."""
        return datetime.now(UTC).date().isoformat()

    def truth(self, partition: str) -> list[str]:
        """Return the uuids of a day on the account, sorted."""
        start = datetime.fromisoformat(partition).replace(tzinfo=UTC)
        return sorted(str(row["uuid"]) for row in self.sandbox.calls(start, start + timedelta(days=1)))

    def stored(self, partition: str) -> list[str]:
        """Return the uuids of a day in the lake, sorted."""
        file = file_of(self.lake, "calls", date.fromisoformat(partition))
        return sorted(pq.read_table(file)["uuid"].to_pylist())

    def add_live_call(self) -> str:
        """Add a live call, which continues until it is hung up, and return its uuid."""
        return self.sandbox.add_call(datetime.now(UTC), ended_at=None, total_duration=None)

    def hung_up_calls(self) -> set[str]:
        """Return the calls for which the account got a request to hang up."""
        deletes = (request for request in self.sandbox.requests if request.method == "DELETE")
        return {request.path.rpartition("/")[2] for request in deletes}

    def write_page(self, first: str, last: str) -> Path:
        """Write the page of some days with the command, and return its file."""
        file = folder_of(self.lake).with_name("page.html")
        subprocess.run(
            [TRACKDRIVE, "page", "--from", first, "--to", last, "--output", file],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return file


@contextmanager
def run_dev_server(folder: Path, calls_per_day: int = 40) -> Iterator[DevServer]:
    """Run `trackdrive dev` in a folder, with few calls, few reports and long intervals.

    Raises:
        RuntimeError: It ended, or did not respond in time. The message has the end of its output.
    """
    first = datetime.now(UTC).date() - timedelta(days=13)
    home, log = folder / "home", folder / "log"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workspace.yaml").symlink_to(PROJECT / "workspace.yaml")
    create_dagster_home(home)
    port = free_port()
    with Sandbox(seed=7, calls_per_day=calls_per_day, first_day=first) as sandbox, log.open("wb") as output:
        inherited = ("TRACKDRIVE_", "DAGSTER_")
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(inherited)
        } | {
            "DAGSTER_HOME": str(home),
            "TRACKDRIVE_BASE_URL": sandbox.base_url,
            "TRACKDRIVE_PUBLIC_KEY": sandbox.public_key,
            "TRACKDRIVE_PRIVATE_KEY": sandbox.private_key,
            "TRACKDRIVE_LAKE": str(folder / "lake"),
            "TRACKDRIVE_START_DATE": first.isoformat(),
            "TRACKDRIVE_REQUESTS_PER_SECOND": "0",
            "TRACKDRIVE_REPORT_CATEGORIES": "buyer_id,offer_id,traffic_source_id",
            "TRACKDRIVE_STATS_INTERVAL": "1d",
        }
        process = subprocess.Popen(
            [TRACKDRIVE, "dev", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            if not responds(f"{url}/server_info", process):
                raise RuntimeError(f"`trackdrive dev` did not serve its UI: {log.read_text()[-2000:]}")
            yield DevServer(url, sandbox, lake_at(folder / "lake"), first, environment)
        finally:
            _end(process)


def free_port() -> int:
    """Return a port of 127.0.0.1 that no program uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def responds(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Return whether a server responds before its process ends and before the timeout."""
    for _ in range(TIMEOUT * 4):
        with suppress(URLError, ConnectionError), urlopen(url, timeout=5) as response:  # noqa: S310  loopback
            return bool(response.status)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.25)
            return False
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process as Ctrl-C does. If that takes too long, kill it and the processes that it started."""
    with process:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            # The child of `trackdrive dev` leads a process group with all others.
            found = subprocess.run(["pgrep", "-P", str(process.pid)], stdout=subprocess.PIPE, check=False)
            for leader in found.stdout.split():
                with suppress(ProcessLookupError):
                    os.killpg(int(leader), signal.SIGKILL)
            process.kill()


def find_chromium() -> str | None:
    """Return the path of the installed Chromium; None if there is none."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@contextmanager
def open_chromium(executable: str) -> Iterator[Browser]:
    """Open the installed Chromium without a window. Playwright downloads none."""
    # In a container /dev/shm is too small, and root cannot use Chromium's sandbox.
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def show_graph(page: Page) -> None:
    """Go to the graph of all assets."""
    page.goto("/")
    # Not by its name: until the font of the icons is loaded, that of another link contains it too.
    page.locator('a[href="/asset-groups"]').first.click()
    expect(page.get_by_text("Global asset lineage")).to_be_visible()


def launch(page: Page, first: str, last: str) -> None:
    """Launch a backfill of the assets of the page, through its dialog."""
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    days = dialog.get_by_role("textbox").first
    days.fill(f"[{first}...{last}]")
    days.press("Enter")
    expect(dialog).not_to_contain_text("0 partitions")
    dialog.get_by_role("button", name="Launch backfill").click()
    expect(dialog).to_be_hidden()


def show_day(page: Page, partition: str) -> None:
    """Go to a day of `calls` that was materialized."""
    page.goto(f"/assets/calls?view=partitions&partition={partition}")
    expect(metadata_row(page, "first_rows")).to_be_visible()


def show_picture(page: Page, partition: str) -> Locator:
    """Open the picture of a day of `calls`, and return it."""
    show_day(page, partition)
    metadata_row(page, "picture").get_by_text("Show Markdown").click()
    return page.get_by_role("dialog").get_by_role("img", name="Calls by hour")


def metadata_row(page: Page, name: str) -> Locator:
    """Return the row of a materialization's metadata with a name."""
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True)).last


def show_launchpad(page: Page, job: str) -> Locator:
    """Go to a job's launchpad, and return its editor with the default config."""
    page.goto(f"/locations/trackdrive_assets/jobs/{job}/playground")
    editor = page.locator(".CodeMirror").first
    expect(editor).to_contain_text("uuids")
    return editor


def fill_in(page: Page, editor: Locator, config: str) -> None:
    """Replace the config of a launchpad."""
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    # All at once, because the editor indents typed lines.
    page.keyboard.insert_text(config)
    expect(page.get_by_text("No errors")).to_be_visible()


def launch_run(page: Page) -> None:
    """Launch the run of a launchpad, and wait for the page of the run."""
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url("**/runs/*")
