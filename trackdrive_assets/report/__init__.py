"""One static HTML file on some days of the lake: for reading, printing and mailing. Needs no network.

Here it is put together and written. What it shows is in `figures`, how a number is written in `wording`, how
it looks in `page.html.jinja` and what stands beside it.
"""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.report import formatting
from trackdrive_assets.report.charts import column_chart, line_chart
from trackdrive_assets.report.figures import SHOWN, Figures, figures_of, periods_of


class PageError(Exception):
    """The page can't be made. The message says why and what to do."""


def default_place(first: date, last: date) -> Path:
    """Where a page goes that is given no place: the current folder."""
    return Path(f"report-{first}-{last}.html")


def write_page(
    lake: Lake,
    first: date,
    last: date,
    place: Path | None = None,
    *,
    time_zone: str,
    account: str | None = None,
) -> Path:
    """Write the page on the days from `first` to `last`, both included.

    Args:
        lake: Whose views are asked. trackdrive.duckdb is not needed.
        first: The first day.
        last: The last day.
        place: The file; by default, `default_place`. One that is there is replaced.
        time_zone: IANA name of the account's time zone.
        account: Host of the account, for the head of the page.

    Returns:
        The file.

    Raises:
        PageError: The days are the wrong way round, the lake has none of them or can't be read, or the file
            can't be written.
    """
    if last < first:
        raise PageError(
            f"The report would end on {last}, before it begins on {first}. Give the earlier day first."
        )
    stored = lake.days("calls")
    days = [day for day in stored if first <= day <= last]
    if not days:
        raise PageError(f"There are no calls from {first} to {last} in {lake.root}. {_what_there_is(stored)}")
    try:
        figures = figures_of(lake, first, last, days, time_zone=time_zone)
    except (LakeError, duckdb.Error) as error:
        raise PageError(
            f"The days from {first} to {last} in {lake.root} can't be read: {error}. "
            "Run the partitions of a damaged file again."
        ) from error
    written = place or default_place(first, last)
    try:
        written.write_text(render(figures, time_zone=time_zone, account=account), "utf-8")
    except OSError as error:
        raise PageError(
            f"The report can't be written to {written}: {error.strerror}. Give another file."
        ) from error
    return written


def render(figures: Figures, *, time_zone: str, account: str | None) -> str:
    """The page as text. It is well-formed XML too."""
    zone = ZoneInfo(time_zone)
    environment = Environment(
        loader=PackageLoader("trackdrive_assets.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": formatting.count,
        "money": formatting.money,
        "days": formatting.days_between,
        "moment": lambda moment: formatting.moment(moment, zone),
    }
    periods = periods_of(figures)
    return environment.get_template("page.html.jinja").render(
        figures=figures,
        most_shown=SHOWN,
        periods=periods,
        volume=column_chart(periods.rows),
        conversion=line_chart(periods.rows),
        share=formatting.share,
        per=formatting.per,
        part=formatting.part,
        words=formatting.words(figures.meanings),
        time_zone=time_zone,
        account=account,
        now=datetime.now(zone),
    )


def _what_there_is(days: list[date]) -> str:
    if not days:
        return "It is empty: materialize `calls` first."
    return f"It has {len(days)} days from {days[0]} to {days[-1]}: choose among them, or materialize yours."
