"""What it costs to fetch days: the requests of each table, and the time that they take at least.

Arithmetic on the settings, without a request. The jobs, the schedules and doctor describe themselves with it,
and `trackdrive materialize` prints it. Not here: the requests that were sent (`api/usage.py`).
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS, STATS
from trackdrive_assets.settings import FETCHED_TABLES, STATS_INTERVALS, Settings

_DAYS_PER_YEAR = 365
_MINUTES_PER_DAY = 24 * 60
_MINUTE = 60
_HOUR = 60 * _MINUTE

Requests = Mapping[str, int]
"""The number of requests of each table or asset."""


def requests_per_day(settings: Settings, names: Iterable[str] = FETCHED_TABLES, calls: int = 0) -> Requests:
    """Return the requests of one day. Calls take at least one. What is not fetched is missing.

    Args:
        settings: The settings of the deployment.
        names: The names of tables, and of single assets such as `reports/buyer_id`.
        calls: The number of calls of the day; 0 if it is unknown.
    """
    intervals = _MINUTES_PER_DAY // STATS_INTERVALS[settings.stats_interval]
    of_tables = {
        "calls": max(1, math.ceil(calls / settings.per_page)),
        "reports": len(settings.fetched_categories),
        "stats": len(LEGACY_GROUP_BYS) * len(STATS) * intervals,
        "reference": len(settings.fetched_lists),
    }
    of_assets = {"reports": 1, "reference": 1, "stats": len(STATS) * intervals}
    return {
        name: of_assets[table] if asset else of_tables[table]
        for name in names
        for table, _, asset in [name.partition("/")]
        if table in of_tables
    }


def requests_of_days(settings: Settings, names: Iterable[str], calls: Iterable[int]) -> Requests:
    """Return the requests of some days.

    Args:
        settings: The settings of the deployment.
        names: As in `requests_per_day`.
        calls: The number of calls of each day; 0 if it is unknown.
    """
    totals: Counter[str] = Counter()
    for count in calls:
        totals.update(requests_per_day(settings, names, count))
    return totals


def describe_days(settings: Settings, tables: Collection[str], days: int) -> str:
    """Return what a day costs, and how long some days take.

    Args:
        settings: The settings of the deployment.
        tables: Some of `FETCHED_TABLES`, or `reference`.
        days: The number of days.
    """
    requests = requests_per_day(settings, tables)
    total = sum(requests.values())
    parts = {
        "calls": f"1 for each {settings.per_page} calls",
        "reports": f"{requests.get('reports')} for reports",
        "stats": f"{requests.get('stats')} for statistics",
        "reference": f"{requests.get('reference')} for reference lists",
    }
    duration = describe_duration(settings, days * total)
    return (
        f"A day costs {count_of(total, 'request')} or more: "
        f"{', '.join(parts[table] for table in tables)}."
        f"{f' {days} days take {duration}.' if duration else ''}"
    )


def describe_asset(settings: Settings, name: str) -> str:
    """Return what a day of an asset costs, and how long a year of it takes.

    Args:
        settings: The settings of the deployment.
        name: The name of a single asset, such as `stats/status`.
    """
    (requests,) = requests_per_day(settings, [name]).values()
    duration = describe_duration(settings, _DAYS_PER_YEAR * requests)
    return (
        f"A day costs {count_of(requests, 'request')}{f', and a year takes {duration}' if duration else ''}."
    )


def describe_year(settings: Settings, requests: Requests) -> str:
    """Return how long a year of all tables takes, and how long it takes without statistics.

    Args:
        settings: The settings of the deployment.
        requests: The requests of one day.
    """
    total = _DAYS_PER_YEAR * sum(requests.values())
    rest = total - _DAYS_PER_YEAR * requests["stats"]
    if not (rate := settings.requests_per_second):
        return f"A year of all tables takes {total:,} requests, and {rest:,} without statistics."
    return (
        f"A year of all tables takes at least {format_duration(total / rate)} at {rate:g} requests per "
        f"second, and {format_duration(rest / rate)} without statistics."
    )


def describe_cost(settings: Settings, requests: int) -> str:
    """Return the cost of at least some requests, for a sentence."""
    duration = describe_duration(settings, requests)
    return f"{count_of(requests, 'request')} or more{f', {duration}' if duration else ''}"


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: `1 request`, `2,000 requests`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def describe_duration(settings: Settings, requests: int) -> str | None:
    """Return how long some requests take at least. None if there is no rate limit."""
    rate = settings.requests_per_second
    return f"at least {format_duration(requests / rate)} at {rate:g} requests per second" if rate else None


def format_duration(seconds: float) -> str:
    """Return a duration for people: `40 s`, `3 min`, `2 h 10 min`."""
    if seconds < _MINUTE:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / _MINUTE)
    return f"{minutes} min" if seconds < _HOUR else f"{minutes // 60} h {minutes % 60} min"
