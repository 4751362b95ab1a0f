"""One day of statistics: a row per interval and group, with the four statistics side by side."""

from datetime import datetime

from trackdrive_assets.api.catalog import STATS as EVERY_STAT
from trackdrive_assets.api.client import Client
from trackdrive_assets.ingest.days import Day
from trackdrive_assets.lake.store import Lake, Written
from trackdrive_assets.tables.columns import STATS
from trackdrive_assets.tables.parse import stats_batch


def ingest_stats(
    client: Client, lake: Lake, day: Day, group_by: str, *, minutes: int, now: datetime
) -> Written:
    """Replace a day of a series with what the API answers now.

    The API answers one statistic of one span at a time: four requests an interval. Intervals that have not
    begun are not asked for.

    Args:
        client: Asks the API.
        lake: Takes the day.
        day: Which day.
        group_by: What to group by.
        minutes: Width of an interval.
        now: Aware.

    Raises:
        Rejected: The account refuses the grouping.
        UnreadableAnswer: The statistics have a shape that is not known.
    """
    series = [
        (start, end, {stat: client.stats(group_by, stat, start, end) for stat in EVERY_STAT})
        for start, end in day.intervals(minutes)
        if start <= now
    ]
    with lake.replace(STATS.name, STATS.schema, day.date, read_at=now, group_by=group_by) as writer:
        writer.write(stats_batch(series))
    return writer.written
