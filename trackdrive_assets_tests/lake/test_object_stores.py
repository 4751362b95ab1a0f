"""What the lake expects of an object store: conditions of a replacement, and retries of a busy server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from trackdrive_assets_tests.support.object_store import CountedServer, Refusal, counting, serving_moto


@pytest.fixture(scope="module")
def server() -> Iterator[CountedServer]:
    with serving_moto() as address, counting(address) as counted:
        yield counted


@pytest.fixture
def store(server: CountedServer, request: pytest.FixtureRequest) -> S3Store:
    bucket = server.bucket(request.node.name.replace("_", "-")[:60].rstrip("-"))
    server.requests.clear()
    return bucket


def test_an_object_is_created_only_once(store: S3Store) -> None:
    obstore.put(store, "day", b"one", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, "day", b"two", mode="create")
    assert bytes(obstore.get(store, "day").bytes()) == b"one"


def test_an_object_that_changed_is_not_replaced(store: S3Store) -> None:
    first = obstore.put(store, "day", b"one")["e_tag"]
    obstore.put(store, "day", b"two", mode={"e_tag": first})
    with pytest.raises(PreconditionError):
        obstore.put(store, "day", b"three", mode={"e_tag": first})
    with pytest.raises(PreconditionError):
        obstore.get(store, "day", options={"if_match": first})
    assert bytes(obstore.get(store, "day").bytes()) == b"two"


def test_each_of_many_conditional_replacements_counts_once(store: S3Store) -> None:
    obstore.put(store, "count", b"0")

    def add(_: int) -> None:
        while True:
            read = obstore.get(store, "count")
            number = int(bytes(read.bytes()))
            try:
                obstore.put(store, "count", str(number + 1).encode(), mode={"e_tag": read.meta["e_tag"]})
            except PreconditionError:
                continue
            return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(20)))
    assert bytes(obstore.get(store, "count").bytes()) == b"20"


def test_a_conditional_replacement_is_one_request(server: CountedServer, store: S3Store) -> None:
    obstore.put(store, "day", bytes(20_000_000), mode="create")
    assert server.counts == {"PUT": 1}


def test_a_busy_server_is_asked_again(server: CountedServer, store: S3Store) -> None:
    server.refuse(Refusal(503, "SlowDown", times=2))
    obstore.put(store, "day", b"one", mode="create")
    assert server.counts == {"PUT": 3}


def test_a_retried_replacement_can_meet_its_own_object(server: CountedServer, store: S3Store) -> None:
    first = obstore.put(store, "day", b"one")["e_tag"]
    server.refuse(Refusal(500, "InternalError", is_carried_out=True))
    with pytest.raises(PreconditionError):
        obstore.put(store, "day", b"two", mode={"e_tag": first})
    # So a writer reads the object after this error, before it reports that another writer was faster.
    assert bytes(obstore.get(store, "day").bytes()) == b"two"


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(403, "AccessDenied"),
        Refusal(403, "RequestTimeTooSkewed"),
        Refusal(400, "ExpiredToken"),
        Refusal(404, "NoSuchBucket"),
        # A missing bucket is a `FileNotFoundError` too, as a missing object is. Only the code differs.
        Refusal(404, "NoSuchKey"),
    ],
    ids=lambda refusal: refusal.code,
)
def test_the_error_contains_the_code_of_the_server(server: CountedServer, refusal: Refusal) -> None:
    store = server.bucket("codes")
    server.requests.clear()
    server.refuse(refusal)
    with pytest.raises((BaseError, FileNotFoundError), match=refusal.code):
        obstore.get(store, "day")
    assert server.counts == {"GET": 1}
