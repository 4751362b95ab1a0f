"""The numbers of the page, compared with sums of its calls that are computed by hand. It is parsed as XML."""

import re
import stat
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.report.page import PageError, default_path, write_page
from trackdrive_assets_tests.support.factories import (
    DAY,
    Row,
    a_call,
    a_sale,
    file_of,
    folder_of,
    lake_at,
    set_time_zone,
    write_day,
)

NEXT = DAY + timedelta(days=1)
MONTH_LATER = datetime(2024, 8, 1, 12, tzinfo=UTC)


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def store(lake: ClaimedLake, day: date, calls: Sequence[Row], *, fetched_at: datetime | None = None) -> None:
    """Store a day of calls. By default, it was fetched two days later."""
    rows = [
        {"uuid": f"{day}-{n}", **call, "created_at": noon(day), "ended_at": noon(day)}
        for n, call in enumerate(calls)
    ]
    write_day(lake, "calls", rows, day=day, fetched_at=fetched_at or noon(day) + timedelta(days=2))


def page(lake: ClaimedLake, first: date, last: date, **options: str) -> ET.Element:
    set_time_zone(lake, options.get("time_zone", "UTC"))
    path = write_page(
        lake, first, last, folder_of(lake) / "page.html", time_zone=options.pop("time_zone", "UTC"), **options
    )
    return ET.fromstring(path.read_text("utf-8"))  # noqa: S314  our own file


def words(element: ET.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def table(parsed: ET.Element, name: str) -> dict[str, list[str]]:
    """Return the cells of each row, by the row's head."""
    (found,) = [element for element in parsed.iter("table") if element.get("id") == f"table-{name}"]
    rows = [row for part in ("tbody", "tfoot") for row in found.findall(f"{part}/tr")]
    return {words(row[0]): [words(cell) for cell in row[1:]] for row in rows}


def sums(parsed: ET.Element) -> dict[str, str]:
    (found,) = [element for element in parsed.iter("dl") if element.get("id") == "sums"]
    return {words(box[0]): words(box[1]) for box in found}


def error_of(lake: ClaimedLake, first: date, last: date, path: Path | None = None) -> str:
    with pytest.raises(PageError) as caught:
        write_page(lake, first, last, path, time_zone="UTC")
    return str(caught.value)


@pytest.fixture
def lake(tmp_path: Path) -> ClaimedLake:
    return lake_at(tmp_path)


BUYERS = {1: "Harbor <b>Home</b> & Co", 2: "Summit Solar"}


def sold(buyer: int, revenue: str, payout: str | None = "1") -> Row:
    return a_sale(
        revenue,
        payout,
        buyer_id=buyer,
        buyer=BUYERS[buyer],
        traffic_source_id=9,
        traffic_source="Radio",
        offer_id=4,
        offer="Solar",
    )


def two_days(lake: ClaimedLake) -> None:
    store(lake, DAY, [sold(1, "1000.50", "250.25"), sold(2, "30"), a_call(), a_call()])
    store(lake, NEXT, [sold(1, "200", None), a_call()])


@pytest.fixture(scope="module")
def both_days(tmp_path_factory: pytest.TempPathFactory) -> ET.Element:
    """The page of two days."""
    lake = lake_at(tmp_path_factory.mktemp("lake"))
    two_days(lake)
    return page(lake, DAY, NEXT)


def test_the_sums_are_those_of_all_days(both_days: ET.Element) -> None:
    assert sums(both_days) == {
        "Calls": "6",
        "Connected": "3",
        "Missed": "3",
        "Converted": "3",
        "Revenue": "$1,230.50",
        "Payout": "$251.25",
        "Profit": "$979.25",
        "Cost": "$0.27",
    }


def test_each_day_has_a_row_with_its_numbers(both_days: ET.Element) -> None:
    assert table(both_days, "volume") == {
        "2024-06-19 Wed": ["4", "2", "2", "50.0%", "1,030.50", "251.25", "779.25", "75.6%"],
        "2024-06-20 Thu": ["2", "1", "1", "50.0%", "200.00", "0.00", "200.00", "100.0%"],
        "All": ["6", "3", "3", "50.0%", "1,230.50", "251.25", "979.25", "79.6%"],
    }


def test_other_days_do_not_count(lake: ClaimedLake) -> None:
    two_days(lake)
    assert sums(page(lake, NEXT, NEXT))["Calls"] == "2"


def test_a_buyer_has_the_sum_of_its_days_and_its_name_is_text(both_days: ET.Element) -> None:
    assert table(both_days, "buyer") == {
        BUYERS[1]: ["2", "0.0%", "100.0%", "1,200.50", "250.25", "950.25", "79.2%", ""],
        BUYERS[2]: ["1", "0.0%", "100.0%", "30.00", "1.00", "29.00", "96.7%", ""],
        "No buyer": ["3", "100.0%", "0.0%", "0.00", "0.00", "0.00", "\N{EN DASH}", ""],
        "All": ["6", "50.0%", "50.0%", "1,230.50", "251.25", "979.25", "79.6%", ""],
    }


def test_traffic_sources_and_offers_have_tables_too(both_days: ET.Element) -> None:
    sources, offers = table(both_days, "traffic_source"), table(both_days, "offer")
    assert sources["Radio"][:5] == ["3", "0.0%", "100.0%", "1,230.50", "251.25"]
    assert sources["No traffic source"][:3] == ["3", "100.0%", "0.0%"]
    assert offers["Solar"][:5] == ["3", "0.0%", "100.0%", "1,230.50", "251.25"]


def test_only_the_twenty_largest_buyers_have_a_row_of_their_own(lake: ClaimedLake) -> None:
    calls = [a_sale(str(n), "1", buyer_id=n, buyer=f"Buyer {n}") for n in range(1, 501)]
    store(lake, DAY, [*calls, a_call()])
    rows = table(page(lake, DAY, DAY), "buyer")
    assert list(rows) == [*(f"Buyer {n}" for n in range(500, 480, -1)), "480 other buyers", "No buyer", "All"]
    assert rows["480 other buyers"][3] == f"{sum(range(1, 481)):,}.00"
    assert sum(int(cells[0]) for name, cells in rows.items() if name != "All") == int(rows["All"][0]) == 501


def test_buyers_with_the_same_name_are_shown_with_their_ids(lake: ClaimedLake) -> None:
    store(lake, DAY, [a_sale(str(n), "1", buyer_id=n, buyer="Twin") for n in (7, 8)])
    assert {"Twin (7)", "Twin (8)"} <= table(page(lake, DAY, DAY), "buyer").keys()


def test_a_renamed_buyer_is_one_row_under_its_last_name(lake: ClaimedLake) -> None:
    for day, name in ((DAY, "Old"), (NEXT, "New")):
        store(lake, day, [a_sale("1", "1", buyer_id=7, buyer=name)])
    assert table(page(lake, DAY, NEXT), "buyer")["New"][0] == "2"


def test_what_the_legacy_api_does_not_send_is_unknown_and_never_0(lake: ClaimedLake) -> None:
    hidden = dict.fromkeys(("buyer_converted", "traffic_source_converted", "revenue", "payout"))
    store(lake, DAY, [a_call(**hidden, buyer="Northwind")])
    parsed = page(lake, DAY, DAY)
    assert (sums(parsed)["Converted"], sums(parsed)["Revenue"]) == ("unknown", "unknown")
    assert table(parsed, "buyer")["Northwind"] == ["1", "100.0%", *["unknown"] * 5, ""]
    assert "Which calls converted is unknown." in words(parsed)


def test_a_sum_over_an_unknown_day_is_unknown(lake: ClaimedLake) -> None:
    store(lake, DAY, [sold(1, "1")])
    store(lake, NEXT, [a_call(buyer_converted=None, buyer_id=1, buyer=BUYERS[1])])
    parsed = page(lake, DAY, NEXT)
    assert sums(parsed)["Converted"] == "unknown"
    assert table(parsed, "buyer")[BUYERS[1]][2] == "unknown"
    assert table(parsed, "volume")["2024-06-19 Wed"][2] == "1"
    assert "sums over these days are unknown too: 2024-06-20." in words(parsed)


def test_if_revenue_is_unknown_the_most_calls_come_first(lake: ClaimedLake) -> None:
    store(lake, DAY, [sold(1, "1"), sold(2, "9")])
    store(lake, NEXT, [sold(1, "1") | {"revenue": None}, sold(1, "1") | {"revenue": None}])
    assert list(table(page(lake, DAY, NEXT), "buyer"))[:2] == [BUYERS[1], BUYERS[2]]


def test_a_day_that_is_not_in_the_lake_is_named_and_has_no_numbers(lake: ClaimedLake) -> None:
    store(lake, DAY, [a_call()])
    parsed = page(lake, DAY - timedelta(days=2), NEXT)
    assert table(parsed, "volume")["2024-06-20 Thu"] == ["not in the lake"]
    assert "Not in the lake, and counted nowhere: 2024-06-17 to 2024-06-18, 2024-06-20." in words(parsed)
    assert sums(parsed)["Calls"] == "1"


def test_a_day_without_calls_has_zero_calls_and_no_ratios(lake: ClaimedLake) -> None:
    store(lake, DAY, [])
    parsed = page(lake, DAY, DAY)
    assert table(parsed, "volume")["2024-06-19 Wed"] == [
        "0",
        "0",
        "0",
        "\N{EN DASH}",
        "0.00",
        "0.00",
        "0.00",
        "\N{EN DASH}",
    ]
    assert "Not in the lake" not in words(parsed)


def test_a_day_that_was_fetched_before_its_end_is_named(lake: ClaimedLake) -> None:
    store(lake, DAY, [a_call()], fetched_at=noon(DAY))
    store(lake, NEXT, [a_call()])
    assert "so more calls will follow: 2024-06-19." in words(page(lake, DAY, NEXT))


def test_the_end_of_a_day_is_on_the_accounts_clock(lake: ClaimedLake) -> None:
    store(lake, DAY, [a_call()], fetched_at=datetime(2024, 6, 20, 2, tzinfo=UTC))
    assert "more calls will follow" not in words(page(lake, DAY, DAY))
    assert "more calls will follow" in words(page(lake, DAY, DAY, time_zone="America/New_York"))


def test_the_head_has_the_account_the_days_and_the_time_of_the_fetch(lake: ClaimedLake) -> None:
    two_days(lake)
    head = words(
        next(page(lake, DAY, NEXT, time_zone="America/New_York", account="acme.example").iter("header"))
    )
    assert head.startswith("acme.example Calls, 2024-06-19 to 2024-06-20 ")
    assert (
        "between 2024-06-21 08:00 and 2024-06-22 08:00. Times and days are on the clock of America/New_York."
        in head
    )


@pytest.mark.parametrize(
    ("days", "unit", "rows", "first_row"),
    [
        (1, "day", 1, "2018-01-01 Mon"),
        (62, "day", 62, "2018-01-01 Mon"),
        (63, "week", 9, "2018-01-01 to 2018-01-07"),
        (366, "week", 53, "2018-01-01 to 2018-01-07"),
        (3 * 365, "month", 36, "2018-01-01 to 2018-01-31"),
    ],
)
def test_too_many_days_are_shown_as_weeks_or_months(
    lake: ClaimedLake, days: int, unit: str, rows: int, first_row: str
) -> None:
    first = date(2018, 1, 1)
    for n in (0, 2, days - 1):
        store(lake, first + timedelta(days=min(n, days - 1)), [sold(1, "2")])
    parsed = page(lake, first, first + timedelta(days=days - 1))
    found = table(parsed, "volume")
    assert (len(found) - 1, next(iter(found))) == (rows, first_row)
    assert f"Volume by {unit}" in words(parsed)
    assert int(sums(parsed)["Calls"]) == sum(
        int(cells[0]) for name, cells in found.items() if name != "All" and len(cells) > 1
    )


def test_the_height_of_a_column_is_proportional_to_its_calls(lake: ClaimedLake) -> None:
    two_days(lake)
    heights = [
        float(rect.get("height", ""))
        for rect in page(lake, DAY, NEXT).iter("rect")
        if rect.get("class") == "calls"
    ]
    assert heights[0] == 2 * heights[1] > 0


def test_the_conversion_line_has_a_gap_where_it_is_unknown(lake: ClaimedLake) -> None:
    for n in (0, 1, 3):
        store(lake, DAY + timedelta(days=n), [sold(1, "1"), a_call()])
    lines = [
        line.get("points", "").split() for line in page(lake, DAY, DAY + timedelta(days=3)).iter("polyline")
    ]
    assert [len(points) for points in lines] == [2, 1]


def changes(parsed: ET.Element) -> dict[str, str]:
    """Return the change of each sum from the days before."""
    (found,) = [element for element in parsed.iter("dl") if element.get("id") == "sums"]
    return {words(box[0]): words(box[3]) for box in found if len(box) > 3}


def test_the_sums_are_compared_with_as_many_days_before(lake: ClaimedLake) -> None:
    store(lake, DAY, [sold(1, "40", "10"), a_call()])
    store(lake, NEXT, [sold(1, "50", "10"), a_call(), a_call()])
    parsed = page(lake, NEXT, NEXT)
    assert "The changes are against the day before, 2024-06-19." in words(parsed)
    assert changes(parsed) == {
        "Calls": "+50.0% from 2",
        "Connected": "0.0% from 1",
        "Missed": "+100.0% from 1",
        "Converted": "0.0% from 1",
        "Revenue": "+25.0% from $40.00",
        "Payout": "0.0% from $10.00",
        "Profit": "+33.3% from $30.00",
        "Cost": "+50.0% from $0.09",
    }


@pytest.mark.parametrize("fetched_at", [None, noon(DAY)], ids=["missing", "not over"])
def test_days_before_that_are_not_complete_are_no_comparison(
    lake: ClaimedLake, fetched_at: datetime | None
) -> None:
    if fetched_at:
        store(lake, DAY, [sold(1, "40")], fetched_at=fetched_at)
    store(lake, NEXT, [sold(1, "50")])
    parsed = page(lake, NEXT, NEXT)
    assert changes(parsed) == {}
    assert "the lake does not have all of 2024-06-19." in words(parsed)


def test_the_conversion_of_a_week_is_compared_with_the_week_before(lake: ClaimedLake) -> None:
    for n in range(14):
        day, count = DAY + timedelta(days=n), 8 if n < 7 else 2
        calls = [*([sold(1, "10")] * count), *([a_call(buyer_id=1, buyer=BUYERS[1])] * (10 - count))]
        store(lake, day, calls, fetched_at=noon(day + timedelta(days=1)))
    last = DAY + timedelta(days=13)
    expected = ["70", "70", "80.0%", "20.0%", "\N{MINUS SIGN}60.0", "clear drop"]
    compared = table(page(lake, last, last), "comparison")
    assert compared["All calls"] == ["account", *expected]
    assert compared[BUYERS[1]] == ["buyer", *expected]


def test_without_two_weeks_the_comparison_of_weeks_is_unknown(both_days: ET.Element) -> None:
    assert "it needs the fourteen days to 2024-06-20, each fetched" in words(both_days)


def test_each_hour_of_the_accounts_clock_has_its_missed_calls(lake: ClaimedLake) -> None:
    two_days(lake)
    parsed = page(lake, DAY, NEXT, time_zone="America/New_York")
    assert table(parsed, "hours") == {"08:00": ["6", "3", "50.0%", "50.0%"]}
    assert table(parsed, "missed") == {"other": ["3", "100.0%"]}


def test_the_statements_have_all_days_of_their_half_month(lake: ClaimedLake) -> None:
    store(lake, DAY, [sold(1, "40", "10")])
    store(lake, NEXT, [sold(1, "50", "5")])
    parsed = page(lake, DAY, DAY)
    half_month = "2024-06-16 to 2024-06-30"
    assert table(parsed, "buyer_statements") == {
        BUYERS[1]: [half_month, "2", "2", "90.00", "0.00", "0.00", "90.00", "13 missing"]
    }
    assert table(parsed, "source_statements") == {
        "Radio": [half_month, "2", "2", "15.00", "0.00", "0.00", "15.00", "13 missing"]
    }


def test_days_that_have_not_come_are_not_on_the_page(lake: ClaimedLake) -> None:
    today = datetime.now(UTC).date()
    store(lake, today, [a_call()], fetched_at=datetime.now(UTC))
    parsed = page(lake, today, today + timedelta(days=40))
    assert list(table(parsed, "volume")) == [f"{today} {today:%a}", "All"]


def test_a_page_to_today_asks_for_the_fourteen_days_to_yesterday(lake: ClaimedLake) -> None:
    today = datetime.now(UTC).date()
    store(lake, today, [a_call()], fetched_at=datetime.now(UTC))
    yesterday = today - timedelta(days=1)
    assert f"it needs the fourteen days to {yesterday}, each fetched" in words(page(lake, today, today))


def test_the_lag_covers_settled_days_before_the_page(lake: ClaimedLake) -> None:
    store(lake, DAY, [sold(1, "40")], fetched_at=noon(DAY))
    store(lake, DAY, [sold(1, "40")], fetched_at=MONTH_LATER)
    change = {"uuid": f"{DAY}-0", "field": "revenue", "old_value": "10.000000", "new_value": "40.000000"}
    write_day(lake, "call_changes", [change | {"detected_at": noon(DAY + timedelta(days=4))}], day=DAY)
    later = date(2024, 7, 20)
    store(lake, later, [sold(1, "1")])
    assert table(page(lake, later, later), "lag") == {
        BUYERS[1]: ["1", "40.00", "25.0%", "25.0%", "25.0%", "100.0%"]
    }


def test_the_lag_of_unsettled_days_is_unknown(both_days: ET.Element) -> None:
    assert "Not known yet: no day from 2024-06-19 to 2024-06-20" in words(both_days)


def test_the_reconciliation_counts_verdicts_and_lists_differences(lake: ClaimedLake) -> None:
    two_days(lake)
    for day, revenue in ((DAY, "1000.50"), (NEXT, "150")):
        report = {"group_value": "1", "calls": 1, "revenue": Decimal(revenue), "payout": Decimal("250.25")}
        write_day(
            lake, "reports", [report], day=day, fetched_at=noon(day) + timedelta(days=2), part="buyer_id"
        )
    parsed = page(lake, DAY, NEXT)
    assert table(parsed, "verdicts")["reports/buyer_id"] == ["4", "5", "0"]
    assert table(parsed, "verdicts")["stats/status"] == ["0", "0", "8"]
    differences = [
        [words(cell) for cell in row]
        for found in parsed.iter("table")
        if found.get("id") == "table-differences"
        for row in found.findall("tbody/tr")
    ]
    assert len(differences) == 5
    assert differences[0] == [
        str(NEXT),
        "reports/buyer_id",
        "1",
        "payout",
        "0.00",
        "250.25",
        "\N{MINUS SIGN}250.25",
    ]
    assert [str(NEXT), "reports/buyer_id", "1", "revenue", "200.00", "150.00", "50.00"] in differences


def test_every_table_has_a_caption_and_every_head_its_scope(both_days: ET.Element) -> None:
    assert all(words(found[0]) and found[0].tag == "caption" for found in both_days.iter("table"))
    assert {head.get("scope") for head in both_days.iter("th")} == {"row", "col"}


def test_the_page_loads_nothing_from_elsewhere(both_days: ET.Element) -> None:
    assert not {"script", "link", "img", "iframe", "use"} & {element.tag for element in both_days.iter()}
    assert not {"src", "href", "onload"} & {name for element in both_days.iter() for name in element.attrib}
    assert not re.search(
        r"https?:|url\(|@import", "".join(style.text or "" for style in both_days.iter("style"))
    )


def test_the_glossary_explains_every_word(both_days: ET.Element) -> None:
    (footer,) = both_days.iter("footer")
    meanings = {
        words(term): words(meaning)
        for term, meaning in zip(footer.iter("dt"), footer.iter("dd"), strict=True)
    }
    assert {"converted", "conversion", "margin", "unknown"} <= meanings.keys()
    assert all(meaning.endswith(".") for meaning in meanings.values())


def test_days_in_the_wrong_order_are_an_error(lake: ClaimedLake) -> None:
    assert error_of(lake, NEXT, DAY) == (
        "The last day, 2024-06-19, is before the first day, 2024-06-20. Exchange the two."
    )


def test_an_empty_lake_is_an_error_that_names_the_next_step(lake: ClaimedLake) -> None:
    assert error_of(lake, DAY, NEXT).endswith(
        f"in {lake.root}. The lake is empty: materialize `calls` first."
    )


def test_days_that_are_not_in_the_lake_are_an_error_that_names_others(lake: ClaimedLake) -> None:
    two_days(lake)
    message = error_of(lake, date(2023, 1, 1), date(2023, 1, 31))
    assert message.startswith("There are no calls from 2023-01-01 to 2023-01-31 in ")
    assert "The lake has 2 days from 2024-06-19 to 2024-06-20" in message


def test_a_damaged_file_is_an_error_that_names_it(lake: ClaimedLake) -> None:
    two_days(lake)
    file_of(lake, "calls", DAY).write_bytes(b"PAR1 no more")
    message = error_of(lake, DAY, NEXT, folder_of(lake) / "page.html")
    assert message.startswith(f"{file_of(lake, 'calls', DAY)} is damaged: ")
    assert message.endswith(". Run its partition again, which replaces it.")
    assert not (folder_of(lake) / "page.html").exists()


def test_a_path_that_cannot_be_written_is_an_error_that_names_it(lake: ClaimedLake) -> None:
    two_days(lake)
    path = folder_of(lake) / "nowhere" / "page.html"
    assert error_of(lake, DAY, NEXT, path).startswith(f"Can't write {path}: No such file")


def test_the_file_keeps_its_mode_and_the_target_of_a_link(lake: ClaimedLake) -> None:
    two_days(lake)
    target, link = folder_of(lake) / "target.html", folder_of(lake) / "page.html"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    page(lake, DAY, NEXT)
    assert link.is_symlink()
    assert target.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_control_characters_are_left_out(lake: ClaimedLake) -> None:
    name = "A\x00\x08\x0b\x1b[31mB\x7f\x85C\u202eD\u2028E\ufffe\uffffF <b>"
    store(lake, DAY, [a_sale("1", "1", buyer_id=1, buyer=name, traffic_source_id=9, traffic_source=name)])
    parsed = page(lake, DAY, DAY, account="ac\x1bme\u202e.example")
    assert "A[31mBCDEF <b>" in table(parsed, "buyer")
    text = (folder_of(lake) / "page.html").read_text("utf-8")
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "acme.example" in text


def test_the_default_path_is_in_the_current_folder(
    lake: ClaimedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_days(lake)
    monkeypatch.chdir(lake.root)
    assert write_page(lake, DAY, NEXT, time_zone="UTC") == default_path(DAY, NEXT)
    assert (folder_of(lake) / "report-2024-06-19-2024-06-20.html").exists()
