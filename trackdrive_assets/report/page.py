"""Write the report about some days as one static HTML file, for reading, printing and mailing.

The page needs no network. Its data is loaded in `data`, numbers are formatted in `formatting`, and
`page.html.jinja` has the layout.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from trackdrive_assets.lake.atomic import open_replacement
from trackdrive_assets.lake.errors import DamagedFileError, LakeError, translate_os_errors
from trackdrive_assets.lake.ownership import check
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.report import formatting
from trackdrive_assets.report.charts import hour_chart, line_chart, volume_chart
from trackdrive_assets.report.data import ReportData
from trackdrive_assets.report.loading import load_report_data
from trackdrive_assets.report.periods import periods_between
from trackdrive_assets.report.queries import MAX_GROUPS

FILE = "page.html"
"""The page in a lake."""

_REASONS = {
    "days_incomplete": "days are missing",
    "conversions_unknown": "unknown",
    "too_few_calls": "too few calls",
    "fetched_late": "fetched late",
}
"""Why the view `period_comparison` does not decide on a change."""


class PageError(Exception):
    """A page that can't be written. The message contains the reason and what to do."""


def default_path(first: date, last: date) -> Path:
    """Return the path of a page without a given path, in the current folder."""
    return Path(f"report-{first}-{last}.html")


def write_page(
    lake: Lake,
    first: date,
    last: date,
    path: Path | None = None,
    *,
    time_zone: str,
    account: str | None = None,
) -> Path:
    """Write the page about the days from `first` to `last`, and return its path.

    Args:
        lake: The lake. Its trackdrive.duckdb is not needed.
        first: The first day.
        last: The last day, included. A page ends with the current day of the account.
        path: The file, which is replaced if it exists. The default is `default_path`.
        time_zone: The IANA name of the account's time zone.
        account: The host of the account, for the head of the page.

    Raises:
        PageError: The days are in the wrong order, the lake has none of them or can't be read, or the file
            can't be written.
        LakeError: The lake has another time zone.
    """
    path = path or default_path(first, last)
    text = _page_text(lake, first, last, time_zone=time_zone, account=account)
    try:
        with open_replacement(path) as stream:
            stream.write(text.encode())
    except LakeError as error:
        raise PageError(str(error)) from error
    return path


def store_page(lake: Lake, first: date, last: date, *, time_zone: str, account: str | None = None) -> str:
    """Write the page into the lake, and return its path or URL.

    Raises:
        PageError: As of `write_page`.
        LakeError: The lake has another time zone, or the file can't be written.
    """
    text = _page_text(lake, first, last, time_zone=time_zone, account=account)
    with lake.storage.staging(FILE) as staging:
        new = staging / FILE
        with translate_os_errors("write", new):
            new.write_text(text, "utf-8")
        lake.storage.replace(FILE, new)
    return lake.storage.url(FILE)


def _page_text(lake: Lake, first: date, last: date, *, time_zone: str, account: str | None) -> str:
    if last < first:
        raise PageError(f"The last day, {last}, is before the first day, {first}. Exchange the two.")
    check(lake, time_zone=time_zone)
    last = max(first, min(last, datetime.now(ZoneInfo(time_zone)).date()))
    stored = lake.days("calls")
    days = [day for day in stored if first <= day <= last]
    if not days:
        raise PageError(f"There are no calls from {first} to {last} in {lake.root}. {_describe_lake(stored)}")
    try:
        data = load_report_data(lake, first, last, days, time_zone=time_zone)
    except DamagedFileError as error:
        raise PageError(str(error)) from error
    except (LakeError, duckdb.Error) as error:
        raise PageError(
            f"The days from {first} to {last} in {lake.root} can't be read: {error}. "
            "Run the partitions of a damaged file again."
        ) from error
    return render(data, time_zone=time_zone, account=account)


@cache
def _template() -> Template:
    """Return the template of the page, which takes longer to compile than to fill."""
    environment = Environment(
        loader=PackageLoader("trackdrive_assets.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=formatting.without_controls,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": formatting.format_count,
        "money": formatting.format_money,
        "dollars": formatting.format_dollars,
        "points": formatting.format_points,
        "days": formatting.format_days,
        "time": formatting.format_time,
    }
    return environment.get_template("page.html.jinja")


def render(data: ReportData, *, time_zone: str, account: str | None) -> str:
    """Return the page as text. It is well-formed XML too."""
    zone = ZoneInfo(time_zone)
    now = datetime.now(zone)
    periods = periods_between(data.first, data.last, data.days)
    return _template().render(
        data=data,
        max_groups=MAX_GROUPS,
        periods=periods,
        volume=volume_chart(periods.rows),
        conversion=line_chart(periods.rows),
        hours=hour_chart(data.hours),
        span=formatting.format_span,
        change=formatting.format_change,
        share=formatting.format_share,
        per=formatting.format_dollars_per,
        bar_length=formatting.bar_length,
        glossary=formatting.GLOSSARY,
        reasons=_REASONS,
        zone=zone,
        account=account,
        now=now,
        last_over=min(data.last, now.date() - timedelta(days=1)),
    )


def _describe_lake(days: Sequence[date]) -> str:
    if not days:
        return "The lake is empty: materialize `calls` first."
    return f"The lake has {len(days)} days from {days[0]} to {days[-1]}: choose others, or materialize these."
