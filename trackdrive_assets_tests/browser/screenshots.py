"""Takes the pictures of docs/screenshots anew: `make screenshots`.

Each is one function. Not here: whether what they show is right; the tests see to that.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect

from trackdrive_assets_tests.browser.desk import (
    PATIENCE,
    PROJECT,
    SIZE,
    Desk,
    found_chromium,
    launch,
    open_chromium,
    open_desk,
    show_graph,
)

FOLDER = PROJECT / "docs" / "screenshots"
LONG = 300_000
"""Milliseconds for every day of everything, with the views after it."""


def assets(page: Page, desk: Desk) -> None:
    """The graph of all groups, after every day of everything."""
    show_graph(page)
    launch(page, desk.day(0), desk.today)
    page.goto("/assets/views/daily_summary")
    never = page.get_by_text("Never materialized")
    expect(never).to_be_visible()
    expect(never).to_be_hidden(timeout=LONG)
    show_graph(page)
    expect(page.get_by_text("fetching statuses")).to_have_count(0)


def day(page: Page, desk: Desk) -> None:
    """A materialized day of `calls`."""
    page.goto(f"/assets/calls?view=partitions&partition={desk.day(8)}")
    expect(page.get_by_text("dagster/partition_row_count")).to_be_visible()


PICTURES: dict[str, Callable[[Page, Desk], None]] = {"assets": assets, "day": day}
"""In this order: the later ones show what the first one launched."""


def main() -> None:
    """Take them all."""
    executable = found_chromium() or sys.exit("There is no Chromium. Install one: apt-get install chromium.")
    expect.set_options(timeout=PATIENCE * 1000)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="trackdrive-") as folder,
        open_desk(Path(folder)) as desk,
        open_chromium(executable) as browser,
        browser.new_context(base_url=desk.url, viewport=SIZE) as context,
    ):
        for name, show in PICTURES.items():
            page = context.new_page()
            show(page, desk)
            # Until nothing is loaded any more: pictures, unlike tests, want the page to be at rest.
            page.wait_for_load_state("networkidle")
            page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")
            page.close()


if __name__ == "__main__":
    main()
