"""How users' own assets read the lake: `calls: pd.DataFrame` or `pa.Table` as an input.

Only reading. Our assets write their days themselves, because a day is streamed and a range has many days.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from trackdrive_assets.lake.database import read_view
from trackdrive_assets.lake.layout import LAYOUT
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import Settings, setting_description
from trackdrive_assets.tables.columns import TABLES

IO_MANAGER_KEY = "trackdrive_lake"
VIEWS = "views"
"""First part of the keys of the views."""


class LakeIOManager(dg.ConfigurableIOManager):
    """Loads the days of a partition, or of a range of them, as one table; or a view, whole.

    An input annotated `pa.Table` is given as Arrow; everything else, and no annotation, as a pandas DataFrame
    with Arrow types, so that money stays exact and whole numbers stay whole beside nulls.
    """

    path: str = Field(default=Settings.lake, description=setting_description("lake"))

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the partitions that the input is for, or the whole view.

        Raises:
            LakeError: A day has no file yet, or there is no such view; it names them.
        """
        family, *names = context.asset_key.path
        lake = Lake(self.path)
        rows = read_view(lake, *names) if family == VIEWS else _days(lake, context, family, names)
        if context.dagster_type.typing_type is pa.Table:
            return rows
        import pandas as pd  # noqa: PLC0415 (slow to import, and only those who ask for pandas need it)

        return rows.to_pandas(types_mapper=pd.ArrowDtype)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Refuse: this manager only reads."""
        raise dg.DagsterInvariantViolationError(
            f"{context.asset_key.to_user_string()} returned {type(obj).__name__} to the {IO_MANAGER_KEY} IO "
            f"manager, which only reads Trackdrive tables. Give the asset an io_manager_key of its own, or "
            f"return dg.MaterializeResult."
        )


def _days(lake: Lake, context: dg.InputContext, table_name: str, groups: Sequence[str]) -> pa.Table:
    (table,) = (table for table in TABLES if table.name == table_name)
    hive = dict(zip(LAYOUT[table_name].keys, groups, strict=True))
    days = [date.fromisoformat(key) for key in context.asset_partition_keys]
    return lake.read(table_name, table.schema, days, **hive)
