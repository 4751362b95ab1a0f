"""Where the lines and columns of a picture stand. How they are drawn is in `charts.html.jinja`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, groupby
from math import ceil

from trackdrive_assets.report.figures import Period, Tally

WIDTH, HEIGHT = 960, 200
"""Of what is inside the axes, in units of the picture."""

_LABELS = 9
"""Dates below a picture, at most: more would touch each other."""


@dataclass(frozen=True)
class Tick:
    """A number on an axis, and where it stands."""

    at: float
    says: str


@dataclass(frozen=True)
class Column:
    """A period of the picture of the volume: from the left, and the heights of what stands in it."""

    period: Period
    left: float
    width: float
    calls: float
    connected: float
    converted: float


@dataclass(frozen=True)
class ColumnChart:
    """The volume: calls, of them the connected and the converted."""

    columns: Sequence[Column]
    dates: Sequence[Tick]
    scale: Sequence[Tick]


@dataclass(frozen=True)
class Point:
    """A period of the picture of the conversion."""

    period: Period
    x: float
    y: float
    says: str


@dataclass(frozen=True)
class LineChart:
    """The conversion rate. A line is as long as every period in a row has one."""

    lines: Sequence[Sequence[Point]]
    dates: Sequence[Tick]
    scale: Sequence[Tick]


def column_chart(periods: Sequence[Period]) -> ColumnChart:
    """Columns as wide as there is room, as high as there are calls."""
    step = WIDTH / len(periods)
    # One day is no wall.
    width = min(step * 0.76, 48)
    most = max((period.tally.calls for period in periods if period.tally), default=0)
    top, scale = _scale(most, "{:,.0f}")

    def height(number: int | None) -> float:
        return HEIGHT * (number or 0) / top

    return ColumnChart(
        columns=[
            Column(
                period,
                left=step * (n + 0.5) - width / 2,
                width=width,
                calls=height(tally.calls),
                connected=height(tally.connected),
                converted=height(tally.converted),
            )
            for n, period in enumerate(periods)
            if (tally := period.tally)
        ],
        dates=_dates(periods),
        scale=scale,
    )


def line_chart(periods: Sequence[Period]) -> LineChart:
    """A point where the rate is known, joined to its neighbours."""
    step = WIDTH / len(periods)
    rates = [_conversion(period.tally) for period in periods]
    top, scale = _scale(100 * max((rate for rate in rates if rate is not None), default=0), "{:.0f}%")
    lines = []
    for known, run in groupby(enumerate(periods), key=lambda at: rates[at[0]] is not None):
        if known:
            lines.append(
                [
                    Point(
                        period,
                        x=step * (n + 0.5),
                        y=HEIGHT * (1 - 100 * (rates[n] or 0) / top),
                        says=f"{rates[n]:.1%}",
                    )
                    for n, period in run
                ]
            )
    return LineChart(lines, _dates(periods), scale)


def _conversion(tally: Tally | None) -> float | None:
    if tally is None or tally.converted is None or not tally.calls:
        return None
    return tally.converted / tally.calls


def _scale(most: float, says: str) -> tuple[float, Sequence[Tick]]:
    """Where an axis ends, and its five round numbers at most, from 0."""
    unit = next(
        unit for power in count() for unit in (10**power, 2 * 10**power, 5 * 10**power) if 4 * unit >= most
    )
    numbers = [unit * n for n in range(max(1, ceil(most / unit)) + 1)]
    top = numbers[-1]
    return top, [Tick(HEIGHT * (1 - number / top), says.format(number)) for number in numbers]


def _dates(periods: Sequence[Period]) -> Sequence[Tick]:
    step = WIDTH / len(periods)
    years = periods[0].first.year != periods[-1].last.year
    return [
        Tick(step * (n + 0.5), f"{period.first:%d %b %Y}" if years else f"{period.first:%d %b}")
        for n, period in enumerate(periods)
        if n % ceil(len(periods) / _LABELS) == 0
    ]
