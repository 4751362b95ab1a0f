"""What the view `lake_info` shows of the lake itself: the account, the layout, and who built the views when.

The time zone and the days are not here: every view can use them.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version

from trackdrive_assets.lake.identity import LAYOUT_VERSION, read_record
from trackdrive_assets.lake.sql_catalog import View
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.lake.table_sql import literal

_ACCOUNT = "${account}"


def values_of_lake(lake: Lake, selected: Iterable[View]) -> dict[str, str]:
    """Return the value of each placeholder of `lake_info` as SQL. None if no selected view needs them."""
    if not any(_ACCOUNT in view.sql for view in selected):
        return {}
    record = read_record(lake.storage)
    return {
        "account": literal(record.identity.account) if record else "CAST(NULL AS VARCHAR)",
        "layout": str(LAYOUT_VERSION),
        "version": literal(version("trackdrive-assets")),
        "built_at": literal(datetime.now(UTC).isoformat(timespec="seconds")),
    }
