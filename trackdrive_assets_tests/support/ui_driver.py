"""`trackdrive dev` on a small sandbox, and a Chromium in front of it.

What the browser tests and the screenshots start from. Not here: what is looked at there.
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

from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox

PROJECT = Path(__file__).parents[2]
TRACKDRIVE = Path(sys.executable).with_name("trackdrive")
NAMES_OF_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZE = ViewportSize(width=1400, height=900)
PATIENCE = 60
"""Seconds until what the UI is to show counts as missing. The daemon looks for backfills every 30."""


@dataclass(frozen=True)
class Desk:
    """A running `trackdrive dev`.

    Attributes:
        url: Of the Dagster UI.
        sandbox: The account.
        lake: Where its days go.
        first: The first partition; the last one is today.
        environment: The variables of its commands.
    """

    url: str
    sandbox: Sandbox
    lake: Lake
    first: date
    environment: Mapping[str, str]

    def day(self, number: int) -> str:
        """A partition, counted from the first one."""
        return (self.first + timedelta(days=number)).isoformat()

    @property
    def today(self) -> str:
        """The last partition."""
        return datetime.now(UTC).date().isoformat()

    def truth(self, partition: str) -> list[str]:
        """The uuids of a day as the account knows them, sorted."""
        start = datetime.fromisoformat(partition).replace(tzinfo=UTC)
        return sorted(str(row["uuid"]) for row in self.sandbox.calls(start, start + timedelta(days=1)))

    def stored(self, partition: str) -> list[str]:
        """The uuids of a day in the lake, sorted."""
        file = self.lake.file("calls", date.fromisoformat(partition))
        return sorted(pq.read_table(file)["uuid"].to_pylist())

    def place_call(self) -> str:
        """A call that has just begun, and goes on until somebody hangs it up."""
        return self.sandbox.add_call(datetime.now(UTC), ended_at=None, total_duration=None)

    def hung_up(self) -> set[str]:
        """The calls that the account was asked to hang up."""
        asked = (request for request in self.sandbox.requests if request.method == "DELETE")
        return {request.path.rpartition("/")[2] for request in asked}

    def write_report(self, first: str, last: str) -> Path:
        """The page on some days of the lake, written in a shell."""
        file = self.lake.root.with_name("page.html")
        subprocess.run(
            [TRACKDRIVE, "page", "--from", first, "--to", last, "--output", file],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return file


@contextmanager
def open_desk(folder: Path, calls_per_day: int = 40) -> Iterator[Desk]:
    """Serve the project from a folder, quick by few calls, few reports and wide intervals.

    Raises:
        RuntimeError: It ended, or did not answer in time. The message ends with what it said.
    """
    first = datetime.now(UTC).date() - timedelta(days=13)
    home, said = folder / "home", folder / "said"
    home.mkdir(parents=True)
    for place, file in ((home, "dagster.yaml"), (folder, "workspace.yaml")):
        (place / file).symlink_to(PROJECT / file)
    port = _free_port()
    with Sandbox(seed=7, calls_per_day=calls_per_day, first_day=first) as sandbox, said.open("wb") as output:
        strangers = ("TRACKDRIVE_", "DAGSTER_")
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(strangers)
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
            if not _answers(f"{url}/server_info", process):
                raise RuntimeError(f"`trackdrive dev` did not serve its UI: {said.read_text()[-2000:]}")
            yield Desk(url, sandbox, Lake(folder / "lake"), first, environment)
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether a server answers before its process ends and before patience does."""
    for _ in range(PATIENCE * 4):
        with suppress(URLError, ConnectionError), urlopen(url, timeout=5) as answer:  # noqa: S310 (loopback)
            return bool(answer.status)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.25)
            return False
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it as Ctrl-C does; where that takes too long, end what it started, too, without asking."""
    with process:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            # What `trackdrive dev` starts leads a group of its own, in which everything else runs.
            found = subprocess.run(["pgrep", "-P", str(process.pid)], stdout=subprocess.PIPE, check=False)
            for leader in found.stdout.split():
                with suppress(ProcessLookupError):
                    os.killpg(int(leader), signal.SIGKILL)
            process.kill()


def found_chromium() -> str | None:
    """The Chromium of this machine."""
    return next(filter(None, map(shutil.which, NAMES_OF_CHROMIUM)), None)


@contextmanager
def open_chromium(executable: str) -> Iterator[Browser]:
    """A headless Chromium that was found on the machine, never one that Playwright downloads."""
    # A container's /dev/shm is too small for it, and root may not have its sandbox.
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
    page.get_by_role("link", name="Lineage").click()
    expect(page.get_by_text("Global asset lineage")).to_be_visible()


def launch(page: Page, first: str, last: str) -> None:
    """Launch a backfill of what the page shows, through its dialog."""
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
    expect(told(page, "first_rows")).to_be_visible()


def show_picture(page: Page, partition: str) -> Locator:
    """Open the picture of a day of `calls`."""
    show_day(page, partition)
    told(page, "picture").get_by_text("Show Markdown").click()
    return page.get_by_role("dialog").get_by_role("img", name="Calls by hour")


def told(page: Page, name: str) -> Locator:
    """What a materialization says under a name."""
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True)).last


def show_launchpad(page: Page, job: str) -> Locator:
    """Go to a job's launchpad. Gives its editor, with what it opens with."""
    page.goto(f"/locations/trackdrive_assets/dagster/jobs/{job}/playground")
    editor = page.locator(".CodeMirror").first
    expect(editor).to_contain_text("uuids")
    return editor


def fill_in(page: Page, editor: Locator, config: str) -> None:
    """Write another config into a launchpad."""
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    # As one piece: typed letter by letter, the editor would indent it.
    page.keyboard.insert_text(config)
    expect(page.get_by_text("No errors")).to_be_visible()


def launch_run(page: Page) -> None:
    """Launch what a launchpad holds, and follow to the run's own page."""
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url("**/runs/*")
