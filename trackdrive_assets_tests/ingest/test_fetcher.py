"""The threads of one day's requests: what they bring, what they are ahead, and what stops them."""

import threading
from collections.abc import Iterator

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.ingest.fetcher import Cancelled, ConcurrentDays, Fetcher

MAX_CONCURRENCY = 3


@pytest.fixture
def client() -> Iterator[Client]:
    """A client that sends nothing here: only its limit matters."""
    with Client(
        "https://acme.example",
        KeyPair("tdpub-of-the-test", "tdprv"),
        ClientOptions(max_concurrency=MAX_CONCURRENCY),
    ) as made:
        yield made


def waiting_for(event: threading.Event) -> Iterator[bool]:
    yield event.wait(10)


def test_the_items_of_all_iterators_come(client: Client) -> None:
    with Fetcher(client).fetch(iter(range(number)) for number in range(9)) as items:
        assert sorted(items) == sorted(item for number in range(9) for item in range(number))


def test_the_items_of_one_iterator_come_in_order(client: Client) -> None:
    with Fetcher(client).fetch([iter(range(100))]) as items:
        assert list(items) == list(range(100))


def test_iterators_are_consumed_in_as_many_threads_as_the_client_allows(client: Client) -> None:
    together = threading.Barrier(MAX_CONCURRENCY, timeout=10)

    def meet() -> Iterator[int]:
        yield together.wait()

    with Fetcher(client).fetch(meet() for _ in range(2 * MAX_CONCURRENCY)) as items:
        assert len(list(items)) == 2 * MAX_CONCURRENCY


def test_an_iterator_can_add_others_for_what_it_leaves_out(client: Client) -> None:
    fetcher = Fetcher(client)

    def first() -> Iterator[int]:
        yield 1
        fetcher.fetch_too([iter([2]), iter([3])])

    with fetcher.fetch([first()]) as items:
        assert next(items) == 1
        assert sorted(items) == [2, 3]


def test_an_error_of_an_iterator_is_raised_where_the_items_are_taken(client: Client) -> None:
    def fail() -> Iterator[int]:
        yield 1 // 0

    with pytest.raises(ZeroDivisionError), Fetcher(client).fetch([fail()]) as items:
        next(items)


def test_an_iterator_waits_until_its_items_are_taken(client: Client) -> None:
    asked = []

    def count() -> Iterator[int]:
        for number in range(1000):
            asked.append(number)
            yield number

    with Fetcher(client).fetch([count()]) as items:
        for taken in range(100):
            next(items)
            assert len(asked) <= taken + 5
    assert len(asked) < 110


def test_no_iterator_is_consumed_after_the_block(client: Client) -> None:
    release = threading.Event()
    with Fetcher(client).fetch([waiting_for(release), *(iter([n]) for n in range(MAX_CONCURRENCY))]) as items:
        next(items)
        threads = [thread for thread in threading.enumerate() if thread.name == "fetch"]
    release.set()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_cancelling_does_not_wait_for_a_request_in_flight(client: Client) -> None:
    release, fetcher = threading.Event(), Fetcher(client)

    def cancel() -> Iterator[bool]:
        fetcher.cancel()
        yield True

    with pytest.raises(Cancelled), fetcher.fetch([waiting_for(release), cancel()]) as items:
        next(items)
    assert fetcher.group.is_cancelled
    release.set()


def test_a_cancelled_day_neither_fetches_nor_finishes(client: Client) -> None:
    fetcher = Fetcher(client)
    fetcher.cancel()
    with pytest.raises(Cancelled), fetcher.fetch([iter([1])]) as items:
        next(items)
    with pytest.raises(Cancelled):
        fetcher.finish()


def test_days_share_the_requests_in_flight_until_they_finish(client: Client) -> None:
    days = ConcurrentDays(MAX_CONCURRENCY)
    fetchers = [Fetcher(client, days, position) for position in range(3)]
    shares = [fetchers[0].share]
    for fetcher in fetchers[:0:-1]:
        fetcher.finish()
        shares.append(fetchers[0].share)
    assert shares == [1, 2, 3]
