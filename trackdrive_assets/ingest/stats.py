"""Ingest one day of statistics: a row per interval and group, with four numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from trackdrive_assets.api.catalog import STATS as EVERY_STAT
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.usage import RequestGroup
from trackdrive_assets.days import Day, last_instant
from trackdrive_assets.ingest.attempts import check_not_gone, until_complete
from trackdrive_assets.ingest.doubts import Fetched
from trackdrive_assets.ingest.fetcher import Fetcher, Progress
from trackdrive_assets.ingest.parts import FetchedParts, IngestedPart
from trackdrive_assets.lake.day_parts import Part, fetched_part
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import STATS
from trackdrive_assets.tables.stats import IntervalStats, parse_stats

Interval = tuple[datetime, datetime]
"""The first instant of an interval, and the first after it."""


def ingest_stats(
    client: Client,
    lake: Lake,
    day: Day,
    groupings: Sequence[str],
    *,
    minutes: int,
    now: datetime,
    fetcher: Fetcher | None = None,
) -> Mapping[str, IngestedPart]:
    """Replace statistics of a day by what the API answers now.

    The API answers one statistic of one interval at a time: four requests per interval. Intervals that have
    not begun are not asked for. A grouping with an error stays as it was. All others are stored together.

    Args:
        client: The client of the account.
        lake: The lake to write to.
        day: The day.
        groupings: The columns to group by.
        minutes: The width of an interval.
        now: The current time, with its zone.
        fetcher: The threads of the day's requests; by default, as many as the client allows.

    Returns:
        The result of each grouping.

    Raises:
        PartsFailed: Groupings that were refused or unreadable, or whose calls are gone although the API does
            not count so. The others are stored.
    """
    fetcher = fetcher or Fetcher(client)
    fetched = FetchedParts(fetcher)
    intervals = [(start, end) for start, end in day.intervals(minutes) if start <= now]
    fetcher.progress = Progress(0, len(groupings) * len(intervals) * len(EVERY_STAT))
    for group_by in groupings:
        fetch = partial(
            _fetch_grouping, client, lake, day, group_by, intervals=intervals, now=now, fetcher=fetcher
        )
        fetched.add(group_by, fetch)
    return fetched.store(client, lake, day, STATS)


def _fetch_grouping(
    client: Client,
    lake: Lake,
    day: Day,
    group_by: str,
    group: RequestGroup,
    *,
    intervals: Sequence[Interval],
    now: datetime,
    fetcher: Fetcher,
) -> Part:
    """Fetch the statistics by one group, and fetch them again while they are in doubt."""
    before = fetcher.progress
    doubted: list[Fetched] = []

    def fetch_once(_: int) -> Part:
        fetcher.progress = before
        stats = ((stat, interval) for interval in intervals for stat in EVERY_STAT)
        values: dict[tuple[datetime, str], Mapping[str | None, Decimal | None]] = {}
        with fetcher.fetch(_fetch_stat(client, group_by, *stat, group) for stat in stats) as fetched:
            for one in fetched:
                values[one.start, one.stat] = one.values
                fetcher.on_response(Progress(before.done + len(values), before.expected))
        # In the order of the documentation, not in that of the responses.
        series = [
            IntervalStats(start, end, {stat: values[start, stat] for stat in EVERY_STAT})
            for start, end in intervals
        ]
        batch = parse_stats(series, group_by=group_by)
        check_not_gone(
            client, lake, day, STATS, batch, counts="count", group=group, doubted=doubted, part=group_by
        )
        return fetched_part(batch, now)

    return until_complete(f"the statistics {group_by} of {day}", fetch_once)


@dataclass(frozen=True)
class _FetchedStat:
    """One statistic of one interval, by group."""

    start: datetime
    stat: str
    values: Mapping[str | None, Decimal | None]


def _fetch_stat(
    client: Client, group_by: str, stat: str, interval: Interval, group: RequestGroup
) -> Iterator[_FetchedStat]:
    """Fetch one statistic of one interval."""
    start, end = interval
    until = last_instant(end, client.options.date_precision)
    yield _FetchedStat(start, stat, client.stats(group_by, stat, start, until, group=group))
