"""One day of statistics: a row per interval and group, with the four statistics side by side."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

from trackdrive_assets.api.catalog import STATS as EVERY_STAT
from trackdrive_assets.api.client import Client
from trackdrive_assets.days import Day
from trackdrive_assets.ingest.concurrency import Amount, Question, Task, alone
from trackdrive_assets.lake.day_writer import WriteResult
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import STATS
from trackdrive_assets.tables.stats import IntervalStats, parse_stats


def ingest_stats(
    client: Client, lake: Lake, day: Day, group_by: str, *, minutes: int, now: datetime
) -> WriteResult:
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
        UnreadableResponse: The statistics have a shape that is not known.
    """
    return alone(client, stats_task(client, lake, day, group_by, minutes=minutes, now=now))


def stats_task(
    client: Client,
    lake: Lake,
    day: Day,
    group_by: str,
    *,
    minutes: int,
    now: datetime,
    subject: object = None,
) -> Task[WriteResult]:
    """The reading of a day of a series, for `side_by_side`."""
    return Task(
        subject,
        f"the statistics by {group_by} of {day}",
        lambda _: StatsReading(client, lake, day, group_by, minutes=minutes, now=now),
    )


class StatsReading:
    """A day of a series while it is read: each statistic of each interval is a question of its own."""

    def __init__(
        self, client: Client, lake: Lake, day: Day, group_by: str, *, minutes: int, now: datetime
    ) -> None:
        self._client = client
        self._lake = lake
        self._day = day
        self._group_by = group_by
        self._now = now
        begun = [(start, end) for start, end in day.intervals(minutes) if start <= now]
        self._series: list[tuple[datetime, datetime, dict[str, Mapping[str | None, Decimal | None]]]] = [
            (start, end, {}) for start, end in begun
        ]
        self._to_ask = [(number, stat) for number in range(len(begun)) for stat in EVERY_STAT]

    @property
    def amount(self) -> Amount:
        """An answer for each statistic of each interval."""
        return Amount(sum(len(values) for _, _, values in self._series), len(self._series) * len(EVERY_STAT))

    @property
    def ready(self) -> int:
        """All of them: they need not wait for each other."""
        return len(self._to_ask)

    def questions(self, places: int) -> Sequence[Question]:
        """The next so many."""
        asked, self._to_ask = self._to_ask[:places], self._to_ask[places:]
        return [self._question(number, stat) for number, stat in asked]

    def _question(self, number: int, stat: str) -> Question:
        start, end, values = self._series[number]
        return Question(
            partial(self._client.stats, self._group_by, stat, start, end), partial(values.__setitem__, stat)
        )

    def store(self) -> WriteResult:
        """Put the series into the lake."""
        with self._lake.replace(
            STATS.name, STATS.schema, self._day.date, fetched_at=self._now, group_by=self._group_by
        ) as writer:
            # In the order of the documentation, not of the answers.
            writer.write(
                parse_stats(
                    [
                        IntervalStats(start, end, {stat: values[stat] for stat in EVERY_STAT})
                        for start, end, values in self._series
                    ]
                )
            )
        return writer.result

    def abandon(self) -> None:
        """Forget it. Nothing of it is in the lake."""
