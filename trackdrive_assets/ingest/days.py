"""An exact day: its first and last instant in a time zone, and how it is cut into intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Every cut falls on a multiple of this, in every zone: offsets are multiples of 15 minutes.
_FINEST = timedelta(minutes=5)


@dataclass(frozen=True)
class Day:
    """A calendar day of a zone: 24 hours, or 23 and 25 when the clock is changed.

    Attributes:
        date: The partition.
        zone: Where it is that day.
        start: First instant, in UTC.
        end: First instant of the next day, in UTC.
    """

    date: date
    zone: ZoneInfo
    start: datetime
    end: datetime

    def __str__(self) -> str:
        return self.date.isoformat()

    def intervals(self, minutes: int) -> list[tuple[datetime, datetime]]:
        """The day cut where the wall clock shows a multiple of `minutes`: start and end of each, in UTC.

        Intervals follow the wall clock. When it is changed, one that is longer than the change is shorter or
        longer by it: six hours become five or seven; one hour is half an hour longer where the clock moves by
        half an hour.
        """
        ticks = int((self.end - self.start) / _FINEST)
        instants = (self.start + tick * _FINEST for tick in range(ticks))
        cuts = [instant for instant in instants if self._on_the_clock(instant, minutes)]
        if not cuts or cuts[0] != self.start:
            cuts.insert(0, self.start)
        return list(zip(cuts, [*cuts[1:], self.end], strict=True)) if ticks else []

    def _on_the_clock(self, instant: datetime, minutes: int) -> bool:
        local = instant.astimezone(self.zone)
        return (local.hour * 60 + local.minute) % minutes == 0


def exact_day(day: date, zone: ZoneInfo) -> Day:
    """A calendar day of a zone. Where midnight is skipped, the day starts when the clock has jumped."""
    return Day(day, zone, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def not_begun(days: Sequence[Day], now: datetime) -> list[Day]:
    """The days that have not begun: nothing can be known of them."""
    return [day for day in days if day.start > now]
