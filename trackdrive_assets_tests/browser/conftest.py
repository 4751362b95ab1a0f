"""One desk and one browser for the tests of a file, and a fresh window for each test."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from trackdrive_assets_tests.support.ui_driver import (
    PATIENCE,
    SIZE,
    Desk,
    found_chromium,
    launch,
    open_chromium,
    open_desk,
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium. Without one the tests are skipped; in CI, which has to have it, they fail."""
    executable = found_chromium()
    if executable is None:
        sentence = "There is no Chromium to look at the UI with. Install one: apt-get install chromium."
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(sentence)
    expect.set_options(timeout=PATIENCE * 1000)
    with open_chromium(executable) as browser:
        yield browser


@pytest.fixture(scope="module")
def desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:  # noqa: ARG001
    """`trackdrive dev`, only where there is a browser."""
    with open_desk(tmp_path_factory.mktemp("desk")) as desk:
        yield desk


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    """A new window, in which nobody has clicked anything yet."""
    with browser.new_context(base_url=desk.url, viewport=SIZE) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        yield page


@pytest.fixture(scope="module")
def week(browser: Browser, desk: Desk) -> list[str]:
    """Seven days of `calls` that were launched from its page, and have gone green there."""
    days = [desk.day(number) for number in range(2, 9)]
    with browser.new_context(base_url=desk.url, viewport=SIZE) as context:
        page = context.new_page()
        page.goto("/assets/calls?view=partitions")
        launch(page, days[0], days[-1])
        page.goto("/assets/calls?view=partitions")
        expect(page.get_by_text("Materialized (7)")).to_be_visible()
    return days
