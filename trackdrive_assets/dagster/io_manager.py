"""The IO manager with which users' own assets read the lake: `calls: pd.DataFrame` or `pa.Table` as an input.

It only reads. The assets of this package write their days themselves, because a day is streamed and a range
has many days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import dagster as dg
from pydantic import Field

from trackdrive_assets.dagster.account import VIEWS, parts_of_key
from trackdrive_assets.dagster.resources import LakeResource
from trackdrive_assets.settings import Settings, setting_description
from trackdrive_assets.tables.columns import TABLES

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from trackdrive_assets.lake.store import Lake

IO_MANAGER_KEY = "trackdrive_lake"

_ARROW = "pyarrow.Table"
_PANDAS = "pandas.DataFrame"
_POLARS = "polars.DataFrame"
_NO_ANNOTATION = "typing.Any"


class LakeIOManager(dg.ConfigurableIOManager):
    """An IO manager that loads the days of a partition or range as one table, or a view with all its rows.

    An input with the annotation `pa.Table` gets an Arrow table, and one with `pl.DataFrame` a polars one. An
    input with `pd.DataFrame` or without an annotation gets a pandas DataFrame with Arrow types, so that money
    stays exact and whole numbers stay whole beside nulls.
    """

    path: str = Field(default=Settings.lake, description=setting_description("lake"))
    account: str | None = Field(default=None, description="As of the resource `lake`.")
    time_zone: str | None = Field(default=None, description="As of the resource `lake`.")

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the partitions of the input, or all rows of a view.

        Raises:
            dg.DagsterInvariantViolationError: The annotation of the input is no kind of table.
            LakeError: A day has no file yet, the view does not exist, or the lake is that of another account
                or another time zone.
            ImportError: The input is a pandas DataFrame, and pandas is not installed.
        """
        from trackdrive_assets.lake.database import read_view  # noqa: PLC0415  # imports Arrow

        annotation = _annotation_of(context)
        table, *names = parts_of_key(context.asset_key)
        lake = LakeResource(path=self.path, account=self.account, time_zone=self.time_zone).open()
        rows = read_view(lake, *names) if table == VIEWS else _days(lake, context, table, names)
        if annotation == _ARROW:
            return rows
        return _polars_frame(rows) if annotation == _POLARS else _pandas_frame(rows)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Raise an error, because this IO manager only reads."""
        raise dg.DagsterInvariantViolationError(
            f"{context.asset_key.to_user_string()} returned {type(obj).__name__} to the {IO_MANAGER_KEY} IO "
            f"manager, which only reads Trackdrive tables. Set another io_manager_key for the asset, or "
            f"return dg.MaterializeResult."
        )


def _annotation_of(context: dg.InputContext) -> str:
    """Return the annotation of an input, as the name of its package and its class.

    It is compared by name, because pandas and polars are extras of the package. Dagster compares the value
    with the annotation too, but then it writes the rows of calls into the log.
    """
    kind = context.dagster_type.typing_type
    if get_origin(kind) in {Union, UnionType} and len(kinds := set(get_args(kind)) - {NoneType}) == 1:
        (kind,) = kinds
    name = f"{kind.__module__.partition('.')[0]}.{kind.__name__}" if isinstance(kind, type) else str(kind)
    if name not in {_ARROW, _PANDAS, _POLARS, _NO_ANNOTATION}:
        raise dg.DagsterInvariantViolationError(
            f"The input {context.asset_key.to_user_string()} has the annotation {name}, which the "
            f"{IO_MANAGER_KEY} IO manager cannot load. Annotate it as pd.DataFrame, pl.DataFrame or pa.Table."
        )
    return name


def _pandas_frame(rows: pa.Table) -> pd.DataFrame:
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


def _polars_frame(rows: pa.Table) -> pl.DataFrame:
    # It is an extra of the package. The annotation of the input has imported it.
    import polars as pl  # noqa: PLC0415

    return pl.DataFrame(rows)


def _days(lake: Lake, context: dg.InputContext, table_name: str, part: Sequence[str]) -> pa.Table:
    (table,) = (table for table in TABLES if table.name == table_name)
    days = [date.fromisoformat(key) for key in context.asset_partition_keys]
    return lake.read(table_name, table.schema, days, part=part[0] if part else None)
