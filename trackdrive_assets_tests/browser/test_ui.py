"""What a person does in the Dagster UI, and what the account and the lake say of it.

Found by what stands there to be read, not by how the page is made.
"""

import re
from datetime import date

from playwright.sync_api import Page, expect

from trackdrive_assets_tests.browser.desk import Desk, show_graph


def test_the_graph_shows_the_three_groups(page: Page) -> None:
    show_graph(page)
    for group in ("api", "aggregates", "views"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()


def test_a_week_launched_from_the_page_of_calls_goes_green_and_is_the_accounts_week(
    week: list[str], desk: Desk
) -> None:
    assert all(desk.truth(day) for day in week)
    assert {day: desk.stored(day) for day in week} == {day: desk.truth(day) for day in week}


def test_only_the_days_that_were_asked_for_are_read(week: list[str], desk: Desk) -> None:
    others = {desk.day(number) for number in range(14)} - set(week)
    assert not [day for day in others if desk.lake.file("calls", date.fromisoformat(day)).exists()]


def test_a_day_shows_its_rows_beside_the_count_of_the_api(week: list[str], desk: Desk, page: Page) -> None:
    day = week[1]
    page.goto("/assets/calls?view=partitions")
    page.get_by_text(day, exact=True).first.click()
    expect(page.get_by_role("row").filter(has_text=f"date={day}")).to_be_visible()
    for name in ("dagster/partition_row_count", "api_count"):
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True))
        expect(row.get_by_role("cell", name=str(len(desk.truth(day))), exact=True)).to_be_visible()


def test_the_run_of_a_day_succeeded(week: list[str], page: Page) -> None:
    page.goto(f"/assets/calls?view=partitions&partition={week[0]}")
    page.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).click()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
