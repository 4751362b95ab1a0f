"""The positions of lines and columns in the charts. `charts.html.jinja` draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, groupby
from math import ceil

from trackdrive_assets.report.periods import Period
from trackdrive_assets.report.totals import Totals

WIDTH, HEIGHT = 960, 200
"""The size of the area inside the axes, in units of the picture."""

_MAX_DATES = 9
"""The number of dates below a chart. More dates would overlap."""

_MAX_COLUMN_WIDTH = 48
"""The width of a column in a chart of few periods."""


@dataclass(frozen=True)
class Tick:
    """A label on an axis, and its distance from the left or from the top."""

    position: float
    label: str


@dataclass(frozen=True)
class Column:
    """A period in the chart of the volume: its place, and the height of each number."""

    period: Period
    left: float
    width: float
    calls: float
    connected: float
    converted: float


@dataclass(frozen=True)
class ColumnChart:
    """The chart of the volume: all calls, the connected and the converted ones."""

    columns: Sequence[Column]
    dates: Sequence[Tick]
    scale: Sequence[Tick]


@dataclass(frozen=True)
class Point:
    """A period in the chart of the conversion rate."""

    period: Period
    x: float
    y: float
    label: str


@dataclass(frozen=True)
class LineChart:
    """The chart of the conversion rate. Each line joins consecutive periods with a known rate."""

    lines: Sequence[Sequence[Point]]
    dates: Sequence[Tick]
    scale: Sequence[Tick]


def column_chart(periods: Sequence[Period]) -> ColumnChart:
    """Return the chart of the volume."""
    step = WIDTH / len(periods)
    width = min(step * 0.76, _MAX_COLUMN_WIDTH)
    calls = [period.totals.calls for period in periods if period.totals]
    top, scale = _scale(max(calls, default=0), "{:,.0f}")
    columns = [
        Column(
            period,
            left=step * (n + 0.5) - width / 2,
            width=width,
            calls=HEIGHT * totals.calls / top,
            connected=HEIGHT * (totals.connected or 0) / top,
            converted=HEIGHT * (totals.converted or 0) / top,
        )
        for n, period in enumerate(periods)
        if (totals := period.totals)
    ]
    return ColumnChart(columns, _dates(periods), scale)


def line_chart(periods: Sequence[Period]) -> LineChart:
    """Return the chart of the conversion rate."""
    step = WIDTH / len(periods)
    rates = [_conversion_rate(period.totals) for period in periods]
    top, scale = _scale(100 * max((rate for rate in rates if rate is not None), default=0), "{:.0f}%")
    points = [
        None
        if rate is None
        else Point(period, x=step * (n + 0.5), y=HEIGHT * (1 - 100 * rate / top), label=f"{rate:.1%}")
        for n, (period, rate) in enumerate(zip(periods, rates, strict=True))
    ]
    runs = [[point for point in run if point] for _, run in groupby(points, key=bool)]
    return LineChart([run for run in runs if run], _dates(periods), scale)


def _conversion_rate(totals: Totals | None) -> float | None:
    if totals is None or totals.converted is None or not totals.calls:
        return None
    return totals.converted / totals.calls


def _scale(max_value: float, label: str) -> tuple[float, Sequence[Tick]]:
    """Return the end of an axis, and at most five round numbers from 0 on."""
    units = (factor * 10**power for power in count() for factor in (1, 2, 5))
    unit = next(unit for unit in units if 4 * unit >= max_value)
    numbers = [unit * n for n in range(max(1, ceil(max_value / unit)) + 1)]
    top = numbers[-1]
    return top, [Tick(HEIGHT * (1 - number / top), label.format(number)) for number in numbers]


def _dates(periods: Sequence[Period]) -> Sequence[Tick]:
    step = WIDTH / len(periods)
    with_year = periods[0].first.year != periods[-1].last.year
    return [
        Tick(step * (n + 0.5), f"{period.first:%d %b %Y}" if with_year else f"{period.first:%d %b}")
        for n, period in enumerate(periods)
        if n % ceil(len(periods) / _MAX_DATES) == 0
    ]
