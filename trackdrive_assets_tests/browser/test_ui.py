"""The Dagster UI as a person uses it, and the effects on the account and the lake.

The tests find elements by their visible text, not by the structure of the page.
"""

import re
from datetime import date

from playwright.sync_api import Page, expect

from trackdrive_assets.dagster.jobs import PLACEHOLDER
from trackdrive_assets.lake.day_writer import FIRST_ROWS
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets_tests.support.factories import file_of
from trackdrive_assets_tests.support.ui_driver import (
    DevServer,
    fill_in,
    launch_run,
    metadata_row,
    show_day,
    show_graph,
    show_launchpad,
    show_picture,
)


def test_the_graph_shows_the_three_groups(page: Page) -> None:
    show_graph(page)
    for group in ("api", "aggregates", "views"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()


def test_a_week_launched_from_the_ui_has_the_calls_of_the_account(
    week: list[str], dev_server: DevServer
) -> None:
    assert all(dev_server.truth(day) for day in week)
    assert {day: dev_server.stored(day) for day in week} == {day: dev_server.truth(day) for day in week}


def test_only_the_selected_days_are_fetched(week: list[str], dev_server: DevServer) -> None:
    others = {dev_server.day(number) for number in range(14)} - set(week)
    assert not [day for day in others if file_of(dev_server.lake, "calls", date.fromisoformat(day)).exists()]


def test_a_day_shows_its_rows_next_to_the_count_of_the_api(
    week: list[str], dev_server: DevServer, page: Page
) -> None:
    day = week[1]
    page.goto("/assets/calls?view=partitions")
    page.get_by_text(day, exact=True).first.click()
    expect(page.get_by_role("row").filter(has_text=f"date={day}").first).to_be_visible()
    for name in ("dagster/partition_row_count", "api_count"):
        number = metadata_row(page, name).get_by_role(
            "cell", name=str(len(dev_server.truth(day))), exact=True
        )
        expect(number).to_be_visible()


def test_a_day_shows_its_picture(week: list[str], page: Page) -> None:
    picture = show_picture(page, week[-1])
    expect(picture).to_be_visible()
    assert str(picture.get_attribute("src")).startswith("data:image/png;base64,")
    assert picture.evaluate("image => image.naturalWidth") > 0


def test_a_day_shows_its_first_rows(week: list[str], page: Page) -> None:
    show_day(page, week[-1])
    rows = metadata_row(page, "first_rows").get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(1 + FIRST_ROWS)


def test_the_run_of_a_day_succeeded(week: list[str], page: Page) -> None:
    page.goto(f"/assets/calls?view=partitions&partition={week[0]}")
    page.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).click()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()


def test_a_materialized_view_shows_its_description_and_columns(page: Page) -> None:
    view = views()["daily_summary"]
    page.goto("/assets/views/daily_summary")
    expect(page.get_by_text(view.description)).to_be_visible()
    page.get_by_role("button", name="Materialize").first.click()
    # Dagster asks for a confirmation, because the sources of the view were never materialized.
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("img", name="run_success")).to_be_visible()
    page.reload()
    expect(page.get_by_text(view.column_descriptions["conversion_rate"])).to_be_visible()


def test_a_call_is_hung_up_from_the_launchpad(page: Page, dev_server: DevServer) -> None:
    uuid = dev_server.add_live_call()
    editor = show_launchpad(page, "hang_up_calls")
    expect(editor).to_contain_text(PLACEHOLDER)
    fill_in(page, editor, f"ops: {{hang_up: {{config: {{uuids: [{uuid}], confirmation: hang up 1 call}}}}}}")
    launch_run(page)
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    assert uuid in dev_server.hung_up_calls()


def test_the_run_of_a_call_that_has_ended_fails_with_the_reason(page: Page, dev_server: DevServer) -> None:
    ended = dev_server.truth(dev_server.day(3))[0]
    editor = show_launchpad(page, "hang_up_calls")
    fill_in(page, editor, f"ops: {{hang_up: {{config: {{uuids: [{ended}], confirmation: hang up 1 call}}}}}}")
    launch_run(page)
    expect(page.get_by_text("Failure", exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile(f"{ended}: The call ended at")).first).to_be_visible()
    assert ended not in dev_server.hung_up_calls()


def test_the_page_needs_no_network_and_has_the_totals_of_the_account(
    week: list[str], page: Page, dev_server: DevServer
) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    file = dev_server.write_page(week[0], week[-1])
    page.goto(file.as_uri())
    for heading in ("Volume", "Conversion", "Margin", "Lag", "Reconciliation"):
        expect(page.get_by_role("heading", name=re.compile(heading, re.IGNORECASE)).first).to_be_visible()
    calls = sum(len(dev_server.truth(day)) for day in week)
    expect(page.get_by_role("cell", name=f"{calls:,}", exact=True).first).to_be_visible()
    assert {url for url in urls if not url.startswith("data:")} == {file.as_uri()}
