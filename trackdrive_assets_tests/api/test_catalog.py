"""The lists of the documentation are complete, and contain each name once."""

import pytest

from trackdrive_assets.api import catalog


@pytest.mark.parametrize(
    ("names", "how_many"),
    [
        (catalog.LEGACY_CALL_COLUMNS, 36),
        (catalog.CALL_COLUMNS, 66),
        (catalog.KNOWN_CALL_COLUMNS, 67),
        (catalog.REPORT_CATEGORIES, 16),
        (catalog.STATS, 4),
        (catalog.LEGACY_GROUP_BYS, 3),
        (catalog.GROUP_BYS, 3 + 4),
        (catalog.STATUSES, 18),
        (catalog.ORDER_FIELDS, 24 + 4),
        (catalog.ORDER_DIRECTIONS, 2),
        (catalog.TIME_ZONES, 76),
        (catalog.SERIALIZERS, 2),
        (catalog.CREATED_AT_LABELS, 22),
    ],
)
def test_a_list_has_every_name_once(names: tuple[str, ...], how_many: int) -> None:
    assert len(names) == len(set(names)) == how_many


def test_no_name_is_broken_by_the_way_it_is_written_here() -> None:
    lists = (catalog.CALL_COLUMNS, catalog.STATUSES, catalog.ORDER_FIELDS, catalog.CREATED_AT_LABELS)
    assert not [name for names in lists for name in names if not name or "\n" in name or "  " in name]


def test_hangup_reason_is_the_only_column_that_is_gone_today() -> None:
    assert set(catalog.LEGACY_CALL_COLUMNS) - set(catalog.CALL_COLUMNS) == {"hangup_reason"}
