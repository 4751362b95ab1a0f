"""Which fetches of a day are in doubt: most calls gone, or more calls than the API counts."""

import pytest

from trackdrive_assets.ingest.doubts import Fetched, is_mostly_gone, reason_to_doubt

EMPTY = Fetched(0, 0)
UNCOUNTED = Fetched(0, None)
CAPPED = Fetched(5000, 1000, fingerprint=7)


@pytest.mark.parametrize(
    ("stored", "rows", "gone"),
    [(0, 0, False), (1, 0, True), (600, 299, True), (600, 300, False), (600, 900, False)],
)
def test_fewer_than_half_of_the_calls_are_a_doubt(stored: int, rows: int, gone: object) -> None:
    assert is_mostly_gone(stored, rows) is gone


@pytest.mark.parametrize(
    ("fetched", "earlier", "stored", "doubted"),
    [
        # A day without calls before, or with most of them.
        (EMPTY, [], 0, False),
        (UNCOUNTED, [], 0, False),
        (Fetched(300, None), [], 600, False),
        # Three fetches that the API counts alike.
        (EMPTY, [], 600, True),
        (EMPTY, [EMPTY], 600, True),
        (EMPTY, [EMPTY, EMPTY], 600, False),
        (Fetched(3, 3), [Fetched(3, 3), Fetched(3, 3)], 600, False),
        # Without a count, or with different ones.
        (UNCOUNTED, [UNCOUNTED, UNCOUNTED], 600, True),
        (EMPTY, [EMPTY, UNCOUNTED], 600, True),
        (EMPTY, [EMPTY, Fetched(3, 3)], 600, True),
        (Fetched(3, 2), [Fetched(3, 2), Fetched(3, 2)], 600, True),
        # More than the API counts, and once more the same.
        (CAPPED, [], 0, True),
        (CAPPED, [CAPPED], 0, False),
        (CAPPED, [Fetched(5000, 1000, fingerprint=8)], 0, True),
        (CAPPED, [Fetched(4999, 1000, fingerprint=7)], 0, True),
    ],
)
def test_a_fetch_is_stored_if_others_confirm_it(
    fetched: Fetched, earlier: list[Fetched], stored: int, *, doubted: bool
) -> None:
    reason = reason_to_doubt(fetched, earlier, stored=stored, is_finished=True)
    assert (reason is not None) is doubted


def test_a_day_that_goes_on_has_more_calls_than_counted() -> None:
    assert reason_to_doubt(Fetched(12, 10), [], stored=0, is_finished=False) is None
    assert reason_to_doubt(EMPTY, [], stored=600, is_finished=False) is not None
