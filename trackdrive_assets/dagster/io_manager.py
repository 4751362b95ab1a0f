"""The IO manager with which users' own assets read the lake: `calls: pd.DataFrame` or `pa.Table` as an input.

It only reads. The assets of this package write their days themselves, because a day is streamed and a range
has many days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from trackdrive_assets.dagster.account import VIEWS, parts_of_key
from trackdrive_assets.dagster.resources import LakeResource
from trackdrive_assets.settings import Settings, setting_description
from trackdrive_assets.tables.columns import TABLES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from trackdrive_assets.lake.store import Lake

IO_MANAGER_KEY = "trackdrive_lake"


class LakeIOManager(dg.ConfigurableIOManager):
    """An IO manager that loads the days of a partition or range as one table, or a view with all its rows.

    An input with the annotation `pa.Table` gets an Arrow table. All others get a pandas DataFrame with Arrow
    types, so that money stays exact and whole numbers stay whole beside nulls.
    """

    path: str = Field(default=Settings.lake, description=setting_description("lake"))
    account: str | None = Field(default=None, description="As of the resource `lake`.")
    time_zone: str | None = Field(default=None, description="As of the resource `lake`.")

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the partitions of the input, or all rows of a view.

        Raises:
            LakeError: A day has no file yet, the view does not exist, or the lake is that of another account
                or another time zone.
            ImportError: The input is a data frame, and pandas is not installed.
        """
        # These are slow to import, and most runs read no input.
        import pyarrow as pa  # noqa: PLC0415

        from trackdrive_assets.lake.database import read_view  # noqa: PLC0415

        table, *names = parts_of_key(context.asset_key)
        lake = LakeResource(path=self.path, account=self.account, time_zone=self.time_zone).open()
        rows = read_view(lake, *names) if table == VIEWS else _days(lake, context, table, names)
        if context.dagster_type.typing_type is pa.Table:
            return rows
        return _data_frame(rows)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Raise an error, because this IO manager only reads."""
        raise dg.DagsterInvariantViolationError(
            f"{context.asset_key.to_user_string()} returned {type(obj).__name__} to the {IO_MANAGER_KEY} IO "
            f"manager, which only reads Trackdrive tables. Set another io_manager_key for the asset, or "
            f"return dg.MaterializeResult."
        )


def _data_frame(rows: pa.Table) -> pd.DataFrame:
    try:
        # It is an extra of the package.
        import pandas as pd  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "An input that is a data frame needs pandas, which is not installed. Install "
            "trackdrive-assets[pandas], or annotate the input as pa.Table."
        ) from error
    frame: pd.DataFrame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _days(lake: Lake, context: dg.InputContext, table_name: str, part: Sequence[str]) -> pa.Table:
    (table,) = (table for table in TABLES if table.name == table_name)
    days = [date.fromisoformat(key) for key in context.asset_partition_keys]
    return lake.read(table_name, table.schema, days, part=part[0] if part else None)
