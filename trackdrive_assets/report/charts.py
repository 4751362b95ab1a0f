"""The positions of lines and columns in the charts. `charts.html.jinja` draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from math import ceil

from trackdrive_assets.report.data import Hour
from trackdrive_assets.report.formatting import format_count, format_span
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
    """A column of a chart: its place, and the height of each number by its class in `page.css`."""

    description: str
    left: float
    width: float
    heights: Mapping[str, float]


@dataclass(frozen=True)
class ColumnChart:
    """A chart of calls, and of parts of them inside the same column."""

    columns: Sequence[Column]
    labels: Sequence[Tick]
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
    labels: Sequence[Tick]
    scale: Sequence[Tick]


def volume_chart(periods: Sequence[Period]) -> ColumnChart:
    """Return the chart of the volume: all calls, the connected and the converted ones."""
    counts = [
        {"calls": totals.calls, **_counts(totals, "connected", "converted")} if totals else None
        for totals in (period.totals for period in periods)
    ]
    return _column_chart(
        [format_span(period.first, period.last) for period in periods], counts, _dates(periods)
    )


def hour_chart(hours: Sequence[Hour]) -> ColumnChart:
    """Return the chart of the 24 hours: all calls, and the missed ones."""
    totals = {hour.hour: hour.totals for hour in hours}
    counts = [
        {"calls": totals[n].calls, **_counts(totals[n], "missed")} if n in totals else None for n in range(24)
    ]
    step = WIDTH / 24
    ticks = [Tick(step * (n + 0.5), f"{n}:00") for n in range(0, 24, 3)]
    return _column_chart([f"{n}:00 to {n + 1}:00" for n in range(24)], counts, ticks)


def _column_chart(
    names: Sequence[str], counts: Sequence[Mapping[str, int] | None], labels: Sequence[Tick]
) -> ColumnChart:
    step = WIDTH / len(names)
    width = min(step * 0.76, _MAX_COLUMN_WIDTH)
    top, scale = _scale(max((max(each.values()) for each in counts if each), default=0), "{:,.0f}")
    columns = [
        Column(
            f"{name}: " + ", ".join(f"{format_count(number)} {kind}" for kind, number in each.items()),
            left=step * (n + 0.5) - width / 2,
            width=width,
            heights={kind: HEIGHT * number / top for kind, number in each.items() if number},
        )
        for n, (name, each) in enumerate(zip(names, counts, strict=True))
        if each
    ]
    return ColumnChart(columns, labels, scale)


def _counts(totals: Totals, *names: str) -> dict[str, int]:
    """Return those counts that are known."""
    counts = {name: getattr(totals, name) for name in names}
    return {name: count for name, count in counts.items() if count is not None}


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
