"""One `trackdrive dev` and one browser for the tests of a file, and a new window for each test."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from trackdrive_assets_tests.support.ui_driver import (
    SIZE,
    TIMEOUT,
    DevServer,
    find_chromium,
    launch,
    open_chromium,
    run_dev_server,
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The installed Chromium. Without it the tests are skipped; in CI they fail."""
    executable = find_chromium()
    if executable is None:
        message = "Chromium is not installed. Install it: apt-get install chromium."
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    expect.set_options(timeout=TIMEOUT * 1000)
    with open_chromium(executable) as browser:
        yield browser


@pytest.fixture(scope="module")
def dev_server(
    browser: Browser,  # noqa: ARG001  without a browser the test is skipped before the server starts
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DevServer]:
    """A running `trackdrive dev`, if there is a browser."""
    with run_dev_server(tmp_path_factory.mktemp("dev")) as dev_server:
        yield dev_server


@pytest.fixture
def page(browser: Browser, dev_server: DevServer) -> Iterator[Page]:
    """A new window."""
    with browser.new_context(base_url=dev_server.url, viewport=SIZE) as context:
        page = context.new_page()
        page.set_default_timeout(TIMEOUT * 1000)
        yield page


@pytest.fixture(scope="module")
def week(browser: Browser, dev_server: DevServer) -> list[str]:
    """Seven days of `calls` that were launched from the page of the asset and are green there."""
    days = [dev_server.day(number) for number in range(2, 9)]
    with browser.new_context(base_url=dev_server.url, viewport=SIZE) as context:
        page = context.new_page()
        page.goto("/assets/calls?view=partitions")
        launch(page, days[0], days[-1])
        page.goto("/assets/calls?view=partitions")
        expect(page.get_by_text("Materialized (7)")).to_be_visible()
    return days
