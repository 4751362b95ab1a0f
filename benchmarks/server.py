"""A server of calls that costs next to nothing, so that a benchmark measures its client.

It answers `/calls`, `/calls/reports` and `/calls/stats` as the sandbox does by default, from calls that the
sandbox made, and shares its reading of parameters. What makes it lean: every call is JSON before the first
request, and every day has the same calls at the same time of day, so a page is a slice. Filters other than
`created_at_from` and `created_at_to` are refused, not ignored. `GET /log` tells what was asked, `POST /log`
forgets it.

Not here: faults, other generations of the API, keys. The sandbox has those.
"""

import argparse
import asyncio
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit
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

_ROOT = "/api/v1/calls"
_FIRST_ID = 420_000_000
# A Monday: it brings at least as many calls as are asked for, which are those of an average day.
_MODEL_DAY = date(2024, 1, 1)
_TOO_MANY = 429
_PARAMETERS = frozenset(
    {"created_at_from", "created_at_to", "time_zone", "page", "per_page", "cursor"}
    | {"category", "group_by", "stat"}
)


class Account:
    """Days of calls, each with the same ones at the same time of day, under uuids and ids of their own.

    Args:
        calls_per_day: Exactly.
        days: How many.
        first_day: In UTC.
        distinct: How many different calls a day is made of at most; each is repeated as often as need be.
    """

    def __init__(self, calls_per_day: int, days: int, first_day: date, distinct: int) -> None:
        model = _Model(calls_per_day, distinct)
        self._model = model
        self._per_day = calls_per_day
        self._positions: list[int] = []
        self._heads: list[bytes] = []
        self._tails: list[bytes] = []
        draw = Random(1)  # noqa: S311  # invented calls, no secret
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
                self._tails.append(tails[model.model_of(index)])
        self._report = cache(self._new_report)
        self._stats = cache(self._new_stats)

    def calls(self, params: Mapping[str, str]) -> bytes:
        """A page of `GET /calls`, newest first."""
        first, end = self._found(params)
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
        following = float(self._positions[first]) if rows else 0
        counters = {"in_progress_count": 0, "active_cc_count": 0, "max_cc_count": 3}
        about = {**counters, **serializers.metadata(params, "calls", page, total, following)}
        return b"".join(
            [b'{"status":200,"metadata":', msgspec.json.encode(about), b',"calls":[', *rows, b"]}"]
        )

    def report(self, params: Mapping[str, str]) -> bytes:
        """A page of `GET /calls/reports`."""
        category = _chosen(params, "category", REPORT_CATEGORIES)
        page = serializers.parse_page(params, PER_PAGE_LIMIT)
        rows = self._report(category, *self._of_day(params))
        before = (page.number - 1) * page.size
        shown = rows[before : before + page.size]
        about = serializers.metadata(params, "reports", page, len(rows), None)
        return msgspec.json.encode(aggregates.report_body(shown, category, about, "objects"))

    def stats(self, params: Mapping[str, str]) -> bytes:
        """`GET /calls/stats`."""
        group_by, stat = _chosen(params, "group_by", GROUP_BYS), _chosen(params, "stat", STATS)
        numbers = self._stats(group_by, stat, *self._of_day(params))
        return msgspec.json.encode(aggregates.stats_body(numbers, params["created_at_from"], "map"))

    def _found(self, params: Mapping[str, str]) -> tuple[int, int]:
        """The calls that are asked for: index of the oldest, and of the one after the newest."""
        if unknown := params.keys() - _PARAMETERS:
            raise InvalidParameter(unknown.pop(), "This server knows no such filter.")
        asked = parse_criteria(params, datetime.now(UTC), inclusive_end=True)
        first = bisect_left(self._positions, asked.start * TICKS)
        return first, max(first, bisect_left(self._positions, asked.end * TICKS))

    def _of_day(self, params: Mapping[str, str]) -> tuple[int, int]:
        """As `_found`, from the first day: what was worked out for one day holds for all."""
        first, end = self._found(params)
        before = first // self._per_day * self._per_day
        return first - before, end - before

    def _records(self, first: int, end: int) -> list[Record]:
        return [self._model.record(index % self._per_day) for index in range(first, end)]

    def _new_report(self, category: str, first: int, end: int) -> list[serializers.Row]:
        return aggregates.report_rows(self._records(first, end), category)

    def _new_stats(self, group_by: str, stat: str, first: int, end: int) -> dict[str, float]:
        return aggregates.stat_by_group(self._records(first, end), group_by, stat)


class _Model:
    """The day that all days are like.

    Attributes:
        positions: When each call begins, oldest first, from midnight in units of 10 microseconds.
        tails: The JSON of each distinct call, from behind `created_at`.
    """

    def __init__(self, calls_per_day: int, distinct: int) -> None:
        self._generator = CallGenerator(1, calls_per_day, _MODEL_DAY)
        start = midnight(_MODEL_DAY)
        # As they look when the day is over.
        self._now = start + DAY
        drawn = list(self._generator.oldest_first(start, self._now))
        size = min(calls_per_day, distinct)
        self._size, self._per_day = size, calls_per_day
        self._calls = [drawn[index * len(drawn) // size] for index in range(size)]
        self.tails = []
        for call in self._calls:
            encoded = msgspec.json.encode(_shown(self._generator.row(call, self._now)))
            self.tails.append(encoded.partition(timestamp(call.created).encode())[2])
        self.positions: list[int] = []
        begins = [0, *(call.position - start * TICKS for call in self._calls)]
        for index in range(calls_per_day):
            # Repetitions lie evenly between the call before and the one that is repeated.
            model = self.model_of(index)
            part = min(calls_per_day, (index + 1) * size - model * calls_per_day)
            begin = begins[model] + (begins[model + 1] - begins[model]) * part // calls_per_day
            self.positions.append(max(begin, self.positions[-1] + 1 if self.positions else 0))

    def model_of(self, index: int) -> int:
        """Which of the distinct calls the call with this index repeats."""
        return index * self._size // self._per_day

    def record(self, index: int) -> Record:
        """All that is known of a call."""
        return self._generator.record(self._calls[self.model_of(index)], self._now)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A call of 40 columns: its id, those of the older documentation, and its tags."""
    others = [name for name in row if name in LEGACY_CALL_COLUMNS or name.startswith("token-")]
    return {name: row[name] for name in dict.fromkeys(["id", "uuid", "created_at", *others])}


@dataclass(frozen=True)
class Asked:
    """A request that was answered. Moments are seconds of one clock.

    Attributes:
        arrived: When it was read.
        departed: When the last byte of its answer was on the way.
        in_flight: How many were unanswered when it arrived, itself included.
        status: Of the answer.
    """

    arrived: float
    departed: float
    in_flight: int
    status: int


@dataclass(frozen=True)
class Summary:
    """What a log says.

    Attributes:
        requests: All of them.
        refused: Those that were answered 429.
        most_in_flight: Unanswered at one time.
        most_in_a_second: Arrivals in any span of one second.
        seconds: From the first arrival to the last departure.
    """

    requests: int
    refused: int
    most_in_flight: int
    most_in_a_second: int
    seconds: float


def summary(log: Sequence[Asked]) -> Summary:
    """Counts a log."""
    arrivals = sorted(asked.arrived for asked in log)
    return Summary(
        requests=len(log),
        refused=sum(asked.status == _TOO_MANY for asked in log),
        most_in_flight=max((asked.in_flight for asked in log), default=0),
        most_in_a_second=max(
            (bisect_left(arrivals, since + 1) - index for index, since in enumerate(arrivals)), default=0
        ),
        seconds=max((asked.departed for asked in log), default=0) - min(arrivals, default=0),
    )


class Allowance:
    """So many requests a second, and at most a second's worth at once.

    Args:
        a_second: None allows everything.
        clock: Seconds.
    """

    def __init__(self, a_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_second
        self._clock = clock
        self._left = a_second or 0
        self._at = clock()

    def grants(self) -> bool:
        """Whether one more request may be answered now."""
        if self._a_second is None:
            return True
        now = self._clock()
        self._left = min(self._a_second, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    headers: str = ""


def failure(status: int, headers: str = "", **errors: str) -> Answer:
    """An error in the body that the API is assumed to have."""
    return Answer(status, msgspec.json.encode({"status": status, "errors": errors}), headers)


class Server:
    """Answers over HTTP/1.1, with connections kept alive.

    Args:
        account: What is asked about.
        latency: Seconds by which every answer comes later.
        allowance: Beyond it, the answer is 429.
    """

    def __init__(self, account: Account, latency: float, allowance: Allowance) -> None:
        self._latency = latency
        self._allowance = allowance
        self._log: list[Asked] = []
        self._in_flight = 0
        self._answers = {
            _ROOT: account.calls,
            f"{_ROOT}/reports": account.report,
            f"{_ROOT}/stats": account.stats,
        }

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what comes over one connection, until it is closed."""
        # So that draining ends when the last byte has gone, and not a little before.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            while True:
                method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split(" ", 2)
                if target == "/log":
                    await _send(writer, self._told(forgetting=method == "POST"))
                else:
                    await self._serve(target, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _serve(self, target: str, writer: asyncio.StreamWriter) -> None:
        arrived = time.monotonic()
        self._in_flight += 1
        in_flight = self._in_flight
        try:
            if self._allowance.grants():
                await asyncio.sleep(self._latency)
                answer = self._answer(target)
            else:
                answer = failure(_TOO_MANY, "Retry-After: 1\r\n", base="Too many requests.")
            await _send(writer, answer)
        finally:
            self._in_flight -= 1
        self._log.append(Asked(arrived, time.monotonic(), in_flight, answer.status))

    def _answer(self, target: str) -> Answer:
        url = urlsplit(target)
        if (answer := self._answers.get(url.path)) is None:
            return failure(404, base=f"There is no {url.path}.")
        try:
            return Answer(200, answer(dict(parse_qsl(url.query))))
        except InvalidParameter as refused:
            return failure(422, **{refused.parameter: refused.message})

    def _told(self, *, forgetting: bool) -> Answer:
        told = Answer(200, msgspec.json.encode(asdict(summary(self._log))))
        if forgetting:
            self._log.clear()
        return told


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    head = f"HTTP/1.1 {answer.status} -\r\nContent-Type: application/json\r\n{answer.headers}"
    writer.write(f"{head}Content-Length: {len(answer.body)}\r\n\r\n".encode())
    writer.write(answer.body)
    await writer.drain()


def _chosen(params: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    if params.get(name) not in choices:
        raise InvalidParameter(name, f"Must be one of: {', '.join(choices)}.")
    return params[name]


async def _run(server: Server, port: int) -> None:
    listening = await asyncio.start_server(server.connected, "127.0.0.1", port)
    sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await listening.serve_forever()


def _asked_for(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: a free one. It is printed")
    parser.add_argument("--calls-per-day", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--first-day", type=date.fromisoformat, default=FIRST_DAY)
    parser.add_argument("--distinct", type=int, default=100_000, help="different calls of a day at most")
    parser.add_argument("--latency", type=float, default=0, help="seconds before every answer")
    parser.add_argument("--limit", type=float, help="requests a second; beyond it the answer is 429")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the process is ended."""
    asked = _asked_for(arguments)
    account = Account(asked.calls_per_day, asked.days, asked.first_day, asked.distinct)
    asyncio.run(_run(Server(account, asked.latency, Allowance(asked.limit)), asked.port))


if __name__ == "__main__":
    main()
