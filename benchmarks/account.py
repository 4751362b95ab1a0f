"""The account of the benchmarks: calls as JSON that exists before the first request.

Every day has the same calls at the same time of day, so a page is a slice. The calls, and the parsing of
parameters, are the sandbox's. Filters other than `created_at_from` and `created_at_to` are refused, not
ignored.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from trackdrive_assets.api.catalog import GROUP_BYS, LEGACY_CALL_COLUMNS, REPORT_CATEGORIES, STATS
from trackdrive_assets.sandbox import aggregates, serializers
from trackdrive_assets.sandbox.call import Record
from trackdrive_assets.sandbox.filters import parse_criteria
from trackdrive_assets.sandbox.generator import CallGenerator
from trackdrive_assets.sandbox.parameters import InvalidParameter
from trackdrive_assets.sandbox.times import DAY, TICKS, midnight, timestamp

FIRST_DAY = date(2025, 6, 2)
PER_PAGE_LIMIT = 1000
PAGE_LIMIT = 10

_FIRST_ID = 420_000_000
# A Monday has at least as many calls as an average day, which is the number that an account needs.
_MODEL_DAY = date(2024, 1, 1)
_PARAMETERS = frozenset(
    {"created_at_from", "created_at_to", "time_zone", "page", "per_page", "cursor"}
    | {"category", "group_by", "stat"}
)


class Account:
    """Days with the same calls at the same time of day, under different uuids and ids.

    Args:
        calls_per_day: The exact number of calls of each day.
        days: The number of days.
        first_day: The first UTC day.
        distinct: The largest number of different calls in a day. They are repeated to the number of calls.
    """

    def __init__(self, calls_per_day: int, days: int, first_day: date, distinct: int) -> None:
        model = _ModelDay(calls_per_day, distinct)
        self._model = model
        self._per_day = calls_per_day
        self._positions: list[int] = []
        self._heads: list[bytes] = []
        self._tails: list[bytes] = []
        draw = Random(1)  # noqa: S311  # synthetic calls, no secret
        for day in (first_day + timedelta(days=number) for number in range(days)):
            tails = [tail.replace(f"{_MODEL_DAY}T".encode(), f"{day}T".encode()) for tail in model.tails]
            since = midnight(day) * TICKS
            for index, position in enumerate(model.positions):
                created = since + position
                uuid = UUID(int=draw.getrandbits(128), version=4)
                self._heads.append(
                    f',{{"id":{_FIRST_ID + len(self._heads)},"uuid":"{uuid}",'
                    f'"created_at":"{timestamp(created // TICKS)}'.encode()
                )
                self._positions.append(created)
                self._tails.append(tails[model.distinct_index(index)])
        self._report = cache(self._new_report)
        self._stats = cache(self._new_stats)

    def calls(self, params: Mapping[str, str]) -> bytes:
        """Return a page of `GET /calls`, newest first."""
        first, end = self._range(params)
        total = end - first
        page = serializers.parse_page(params, PER_PAGE_LIMIT)
        if page.cursor is not None:
            end = max(first, min(end, bisect_left(self._positions, int(float(page.cursor)))))
        elif page.number > PAGE_LIMIT:
            raise InvalidParameter(
                "page", f"A page > {PAGE_LIMIT} is not allowed, cursor must be used instead."
            )
        else:
            end = max(first, end - (page.number - 1) * page.size)
        first = max(first, end - page.size)
        newest_first = slice(end - 1, first - 1 if first else None, -1) if end > first else slice(0)
        rows = list(
            chain.from_iterable(zip(self._heads[newest_first], self._tails[newest_first], strict=True))
        )
        if rows:
            rows[0] = rows[0].removeprefix(b",")
        next_cursor = float(self._positions[first]) if rows else 0
        metadata = {"in_progress_count": 0, "active_cc_count": 0, "max_cc_count": 3}
        metadata |= serializers.metadata(params, "calls", page, total, next_cursor)
        return b"".join(
            [b'{"status":200,"metadata":', msgspec.json.encode(metadata), b',"calls":[', *rows, b"]}"]
        )

    def report(self, params: Mapping[str, str]) -> bytes:
        """Return a page of `GET /calls/reports`."""
        category = _choice(params, "category", REPORT_CATEGORIES)
        page = serializers.parse_page(params, PER_PAGE_LIMIT)
        all_rows = self._report(category, *self._range_of_day(params))
        start = (page.number - 1) * page.size
        rows = all_rows[start : start + page.size]
        metadata = serializers.metadata(params, "reports", page, len(all_rows), None)
        return msgspec.json.encode(aggregates.report_body(rows, category, metadata, "objects"))

    def stats(self, params: Mapping[str, str]) -> bytes:
        """Return `GET /calls/stats`."""
        group_by, stat = _choice(params, "group_by", GROUP_BYS), _choice(params, "stat", STATS)
        stats = self._stats(group_by, stat, *self._range_of_day(params))
        return msgspec.json.encode(aggregates.stats_body(stats, params["created_at_from"], "map"))

    def _range(self, params: Mapping[str, str]) -> tuple[int, int]:
        """Return the index of the oldest requested call, and the one after the newest."""
        if unknown := params.keys() - _PARAMETERS:
            raise InvalidParameter(unknown.pop(), "This server does not have this filter.")
        criteria = parse_criteria(params, datetime.now(UTC), inclusive_end=True)
        first = bisect_left(self._positions, criteria.start * TICKS)
        return first, max(first, bisect_left(self._positions, criteria.end * TICKS))

    def _range_of_day(self, params: Mapping[str, str]) -> tuple[int, int]:
        """Return the range as if it were in the first day, because a result for one day is that for all."""
        first, end = self._range(params)
        earlier = first // self._per_day * self._per_day
        return first - earlier, end - earlier

    def _records(self, first: int, end: int) -> list[Record]:
        return [self._model.record(index % self._per_day) for index in range(first, end)]

    def _new_report(self, category: str, first: int, end: int) -> list[serializers.Row]:
        return aggregates.report_rows(self._records(first, end), category)

    def _new_stats(self, group_by: str, stat: str, first: int, end: int) -> dict[str, float]:
        return aggregates.stat_by_group(self._records(first, end), group_by, stat)


class _ModelDay:
    """The day that every day repeats.

    Attributes:
        positions: The start of each call, oldest first, in units of 10 microseconds from midnight.
        tails: The JSON of each distinct call after `created_at`.
    """

    def __init__(self, calls_per_day: int, distinct: int) -> None:
        self._generator = CallGenerator(1, calls_per_day, _MODEL_DAY)
        start = midnight(_MODEL_DAY)
        # The fields are those at the end of the day.
        self._now = start + DAY
        generated = list(self._generator.oldest_first(start, self._now))
        size = min(calls_per_day, distinct)
        self._size, self._per_day = size, calls_per_day
        self._calls = [generated[index * len(generated) // size] for index in range(size)]
        self.tails = []
        for call in self._calls:
            encoded = msgspec.json.encode(_legacy_fields(self._generator.row(call, self._now)))
            self.tails.append(encoded.partition(timestamp(call.created).encode())[2])
        self.positions: list[int] = []
        starts = [0, *(call.position - start * TICKS for call in self._calls)]
        for index in range(calls_per_day):
            # Repetitions are spread evenly between the previous call and the repeated one.
            model = self.distinct_index(index)
            part = min(calls_per_day, (index + 1) * size - model * calls_per_day)
            position = starts[model] + (starts[model + 1] - starts[model]) * part // calls_per_day
            self.positions.append(max(position, self.positions[-1] + 1 if self.positions else 0))

    def distinct_index(self, index: int) -> int:
        """Return the index of the distinct call that a call of the day repeats."""
        return index * self._size // self._per_day

    def record(self, index: int) -> Record:
        """Return all fields of a call."""
        return self._generator.record(self._calls[self.distinct_index(index)], self._now)


def _legacy_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the 40 fields of a call that are its id, the legacy columns and its tags."""
    others = [name for name in row if name in LEGACY_CALL_COLUMNS or name.startswith("token-")]
    return {name: row[name] for name in dict.fromkeys(["id", "uuid", "created_at", *others])}


def _choice(params: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    if params.get(name) not in choices:
        raise InvalidParameter(name, f"Must be one of: {', '.join(choices)}.")
    return params[name]
