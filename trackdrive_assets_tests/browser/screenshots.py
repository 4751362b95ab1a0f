"""Take the pictures of docs/screenshots: `make screenshots`.

Each picture is one function. The tests check what the UI shows.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect

from trackdrive_assets_tests.support.ui_driver import (
    PROJECT,
    SIZE,
    TIMEOUT,
    DevServer,
    find_chromium,
    launch,
    open_chromium,
    run_dev_server,
    show_day,
    show_graph,
    show_launchpad,
    show_picture,
)

CALLS_PER_DAY = 150
"""The average number of calls per day, for a realistic picture."""

FOLDER = PROJECT / "docs" / "screenshots"
LONG = 300_000
"""The timeout for all days of all assets, in milliseconds."""


def assets(page: Page, dev_server: DevServer) -> None:
    """Show the calls in the graph, when all days of all assets are materialized."""
    show_graph(page)
    launch(page, dev_server.day(0), dev_server.today)
    page.goto("/assets/views/daily_summary")
    never = page.get_by_text("Never materialized")
    expect(never).to_be_visible()
    expect(never).to_be_hidden(timeout=LONG)
    page.goto("/locations/trackdrive_assets/asset-groups/api/lineage")
    expect(page.get_by_text("100% filled")).to_have_count(2)


def day(page: Page, dev_server: DevServer) -> None:
    """Show a materialized day of `calls`."""
    show_day(page, dev_server.day(12))


def chart(page: Page, dev_server: DevServer) -> None:
    """Show the picture of that day."""
    expect(show_picture(page, dev_server.day(12))).to_be_visible()


def view(page: Page, dev_server: DevServer) -> None:  # noqa: ARG001   the same arguments as the others
    """Show a view with the descriptions of its columns."""
    page.goto("/assets/views/daily_summary")
    expect(page.get_by_text("Column name")).to_be_visible()


def launchpad(page: Page, dev_server: DevServer) -> None:  # noqa: ARG001   the same arguments as the others
    """Show the job that hangs up calls, with the cursor at the uuids."""
    show_launchpad(page, "hang_up_calls").get_by_text("uuids").click()
    expect(page.get_by_text("No errors")).to_be_visible()


def report(page: Page, dev_server: DevServer) -> None:
    """Show the HTML page of the last week, which is compared with the week before."""
    page.goto(dev_server.write_page(dev_server.day(7), dev_server.today).as_uri())


PICTURES: dict[str, Callable[[Page, DevServer], None]] = {
    "assets": assets,
    "day": day,
    "chart": chart,
    "view": view,
    "launchpad": launchpad,
    "report": report,
}
"""The pictures in order: the later ones show what the first one launches."""


def main() -> None:
    """Take all pictures."""
    executable = find_chromium() or sys.exit(
        "Chromium is not installed. Install it: apt-get install chromium."
    )
    expect.set_options(timeout=TIMEOUT * 1000)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="trackdrive-") as folder,
        run_dev_server(Path(folder), CALLS_PER_DAY) as dev_server,
        open_chromium(executable) as browser,
        browser.new_context(base_url=dev_server.url, viewport=SIZE) as context,
    ):
        for name, show in PICTURES.items():
            page = context.new_page()
            show(page, dev_server)
            # A picture needs a page that has loaded everything.
            page.wait_for_load_state("networkidle")
            page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")
            page.close()


if __name__ == "__main__":
    main()
