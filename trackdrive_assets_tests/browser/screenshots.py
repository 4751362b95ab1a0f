"""Takes the pictures of docs/screenshots anew: `make screenshots`.

Each is one function. Not here: whether what they show is right; the tests see to that.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect

from trackdrive_assets_tests.support.ui_driver import (
    PATIENCE,
    PROJECT,
    SIZE,
    Desk,
    found_chromium,
    launch,
    open_chromium,
    open_desk,
    show_day,
    show_graph,
    show_launchpad,
    show_picture,
)

CALLS_PER_DAY = 150
"""As many as make a picture look like a day."""

FOLDER = PROJECT / "docs" / "screenshots"
LONG = 300_000
"""Milliseconds for every day of everything, with the views after it."""


def assets(page: Page, desk: Desk) -> None:
    """The calls among their neighbours, after every day of everything."""
    show_graph(page)
    launch(page, desk.day(0), desk.today)
    page.goto("/assets/views/daily_summary")
    never = page.get_by_text("Never materialized")
    expect(never).to_be_visible()
    expect(never).to_be_hidden(timeout=LONG)
    page.goto("/locations/trackdrive_assets/asset-groups/api/lineage")
    expect(page.get_by_text("100% filled")).to_have_count(2)


def day(page: Page, desk: Desk) -> None:
    """A materialized day of `calls`."""
    show_day(page, desk.day(8))


def chart(page: Page, desk: Desk) -> None:
    """Its picture."""
    expect(show_picture(page, desk.day(8))).to_be_visible()


def view(page: Page, desk: Desk) -> None:  # noqa: ARG001  (like the others)
    """A view, with what its columns mean."""
    page.goto("/assets/views/daily_summary")
    expect(page.get_by_text("Column name")).to_be_visible()


def launchpad(page: Page, desk: Desk) -> None:  # noqa: ARG001  (like the others)
    """The job that hangs up, with the cursor where its uuids are to be written."""
    show_launchpad(page, "hang_up_calls").get_by_text("uuids").click()
    expect(page.get_by_text("No errors")).to_be_visible()


def report(page: Page, desk: Desk) -> None:
    """The page on some days."""
    page.goto(desk.write_report(desk.day(0), desk.today).as_uri())


PICTURES: dict[str, Callable[[Page, Desk], None]] = {
    "assets": assets,
    "day": day,
    "chart": chart,
    "view": view,
    "launchpad": launchpad,
    "report": report,
}
"""In this order: the later ones show what the first one launched."""


def main() -> None:
    """Take them all."""
    executable = found_chromium() or sys.exit("There is no Chromium. Install one: apt-get install chromium.")
    expect.set_options(timeout=PATIENCE * 1000)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="trackdrive-") as folder,
        open_desk(Path(folder), CALLS_PER_DAY) as desk,
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
