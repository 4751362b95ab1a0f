"""Ingest one day of statistics by one group: a row per interval and group, with four statistics."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trackdrive_assets.api.catalog import STATS as EVERY_STAT
from trackdrive_assets.api.client import Client
from trackdrive_assets.days import Day, last_instant
from trackdrive_assets.ingest.attempts import check_not_gone, until_complete
from trackdrive_assets.ingest.claims import claim_lake
from trackdrive_assets.ingest.doubts import Fetched
from trackdrive_assets.ingest.fetcher import Fetcher, Progress
from trackdrive_assets.lake.day_parts import fetched_part
from trackdrive_assets.lake.day_writer import WriteResult
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import STATS
from trackdrive_assets.tables.stats import IntervalStats, parse_stats


def ingest_stats(
    client: Client,
    lake: Lake,
    day: Day,
    group_by: str,
    *,
    minutes: int,
    now: datetime,
    fetcher: Fetcher | None = None,
) -> WriteResult:
    """Replace a day of statistics by what the API answers now.

    The API answers one statistic of one interval at a time: four requests per interval. Intervals that have
    not begun are not asked for.

    Args:
        client: The client of the account.
        lake: The lake to write to.
        day: The day.
        group_by: The column to group by.
        minutes: The width of an interval.
        now: The current time, with its zone.
        fetcher: The threads of the day's requests; by default, as many as the client allows.

    Raises:
        Rejected: The account refuses the grouping.
        IncompleteResponse: Most of the stored calls are gone, and the API does not count so.
        UnreadableResponse: The statistics have an unknown shape.
    """
    fetcher = fetcher or Fetcher(client)
    doubted: list[Fetched] = []
    return until_complete(
        f"the statistics {group_by} of {day}",
        lambda _: _replace_day(
            client, lake, day, group_by, minutes=minutes, now=now, fetcher=fetcher, doubted=doubted
        ),
    )


def _replace_day(
    client: Client,
    lake: Lake,
    day: Day,
    group_by: str,
    *,
    minutes: int,
    now: datetime,
    fetcher: Fetcher,
    doubted: list[Fetched],
) -> WriteResult:
    """Fetch the statistics once, and write them unless they are in doubt. Then add them to `doubted`."""
    intervals = [(start, end) for start, end in day.intervals(minutes) if start <= now]
    expected = len(intervals) * len(EVERY_STAT)
    fetcher.progress = Progress(0, expected)
    values: dict[tuple[datetime, str], Mapping[str | None, Decimal | None]] = {}
    sources = (
        _fetch_stat(client, group_by, stat, interval, fetcher)
        for interval in intervals
        for stat in EVERY_STAT
    )
    with fetcher.fetch(sources) as fetched:
        for one in fetched:
            values[one.start, one.stat] = one.values
            fetcher.on_response(Progress(len(values), expected))
    # In the order of the documentation, not in that of the responses.
    series = [
        IntervalStats(start, end, {stat: values[start, stat] for stat in EVERY_STAT})
        for start, end in intervals
    ]
    batch = parse_stats(series, group_by=group_by)
    check_not_gone(
        client, lake, day, STATS, batch, counts="count", fetcher=fetcher, doubted=doubted, part=group_by
    )
    fetcher.finish()
    parts = {group_by: fetched_part(batch, now)}
    return claim_lake(client, lake, day).replace_parts(STATS.name, STATS.schema, day.date, parts)[group_by]


@dataclass(frozen=True)
class _FetchedStat:
    """One statistic of one interval, by group."""

    start: datetime
    stat: str
    values: Mapping[str | None, Decimal | None]


def _fetch_stat(
    client: Client, group_by: str, stat: str, interval: tuple[datetime, datetime], fetcher: Fetcher
) -> Iterator[_FetchedStat]:
    """Fetch one statistic of one interval."""
    start, end = interval
    until = last_instant(end, client.options.date_precision)
    yield _FetchedStat(start, stat, client.stats(group_by, stat, start, until, group=fetcher.group))
