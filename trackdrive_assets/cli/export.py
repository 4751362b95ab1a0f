"""`trackdrive export`: the rows of a view of the lake, as a table or a file. It reads no account."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, islice
from pathlib import Path

import click
import duckdb
import pyarrow as pa

from trackdrive_assets.cli.account import account_settings, echo_err
from trackdrive_assets.cli.errors import CliError, ExitCode
from trackdrive_assets.cli.output import choose_format, describe_written, on_clock, open_writer
from trackdrive_assets.cli.place import Place, named_lake
from trackdrive_assets.cli.query_options import (
    DayOption,
    day_options,
    output_options,
    requested_days,
)
from trackdrive_assets.lake.accounts import ACCOUNT, AccountLake, account_lakes
from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.ownership import time_zone_of
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.lake.table_sql import identifier, literal
from trackdrive_assets.setting_values import nearest
from trackdrive_assets.settings import project_path
from trackdrive_assets.tables.columns import schemas

_BATCH_ROWS = 10_000

_DATE_COLUMNS = ("date", "period_start")
"""The columns that `--from` and `--to` limit. A view has one of them or none."""

_EPILOG = """
\b
EXAMPLES
  trackdrive export daily_summary
  trackdrive export daily_summary --from 2024-06-01 --to 2024-06-30 --output june.xlsx
  trackdrive export buyer_statements --output statements.xlsx
  trackdrive export calls --from yesterday --to yesterday --output calls.parquet
  trackdrive export daily_summary lakes --output all_accounts.csv
  trackdrive export daily_summary s3://acme-lake/trackdrive --output summary.csv

\b
VIEWS
  The tables and views of trackdrive.duckdb, which the dictionary in the documentation
  describes. The file itself is not needed.

\b
OUTPUT
  A table in a terminal, CSV in a pipe. With --output FILE the ending decides: .csv,
  .jsonl, .parquet or .xlsx. Excel has the times on the account's clock; the other
  formats have them in UTC.

\b
SEVERAL ACCOUNTS
  A folder with folders account=… gives the rows of all of them, with a column account.
"""


class ViewName(click.ParamType[str]):
    """The name of a table or view of the lake. Dashes can stand for underscores."""

    name = "view"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        name, known = value.replace("-", "_"), [*schemas(), *views()]
        if name not in known:
            found = nearest(name, known)
            advice = f"Did you mean {found}?" if found else f"The views are {', '.join(sorted(known))}."
            self.fail(f"{value!r} is not a view. {advice}", param, ctx)
        return name


@click.command(epilog=_EPILOG)
@click.argument("view", type=ViewName())
@click.argument("folder", required=False, type=Place())
@day_options
@output_options
def export(
    *,
    view: str,
    folder: str | None,
    from_day: DayOption,
    to_day: DayOption,
    format_: str | None,
    output: Path | None,
) -> None:
    """Write the rows of a VIEW of the lake, or of the lake in FOLDER."""
    format_ = choose_format(format_, output, is_terminal=sys.stdout.isatty())
    accounts = _accounts(folder)
    # A view that fails leaves nothing on stdout, not even the head of a table.
    batches = _batches(accounts, view, from_day, to_day)
    first = list(islice(batches, 2))
    (empty, time_zone), written = first[0], 0
    with open_writer(format_, output, empty.schema, time_zone=time_zone) as writer:
        for batch, zone in chain(first, batches):
            writer.write(on_clock(batch, zone) if format_ == "xlsx" else batch)
            written += batch.num_rows
    if output:
        echo_err(describe_written(written, "row", output))
    if not written and from_day is not None:
        dated = _dated(empty.schema.names)
        echo_err(f"No row of {view} is from these days, which are compared with its column {dated}.")


def _accounts(folder: str | None) -> Mapping[str, AccountLake]:
    """Return the lakes of a folder by the name of the account. A lake of one account has no name."""
    settings = account_settings()
    root = project_path(settings.lake, os.environ) if folder is None else folder
    if found := account_lakes(Lake(root).storage):
        return found
    lake = named_lake(folder, settings)
    return {"": AccountLake(lake, time_zone_of(lake, settings.time_zone))}


def _batches(
    accounts: Mapping[str, AccountLake], view: str, first: DayOption, last: DayOption
) -> Iterator[tuple[pa.RecordBatch, str]]:
    """Yield the rows of a view of each account and its time zone. The first batch of an account is empty."""
    for name, account in accounts.items():
        days = requested_days(account.time_zone, first, last)
        try:
            with connect(account.lake, schemas(), time_zone=account.time_zone, names=[view]) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                rows = _query(connection.table(identifier(view)), view, name, days).to_arrow_reader(
                    _BATCH_ROWS
                )
                yield pa.RecordBatch.from_pylist([], schema=rows.schema), account.time_zone
                for batch in rows:
                    yield batch, account.time_zone
        except duckdb.Error as error:
            raise CliError(
                f"Can't read the view {view} of {account.lake.root}: {error}. Run the partitions of a "
                "damaged file again.",
                ExitCode.REFUSED,
            ) from error


def _query(
    rows: duckdb.DuckDBPyRelation, view: str, account: str, days: tuple[date, date] | None
) -> duckdb.DuckDBPyRelation:
    """Return the rows of some days in order. They have a column `account` if the account has a name."""
    dated = _dated(rows.columns)
    if days:
        if dated is None:
            raise click.UsageError(f"{view} has no column date. Leave out --from and --to.")
        rows = rows.filter(f"{dated} BETWEEN DATE '{days[0]}' AND DATE '{days[1]}'")
    if "uuid" not in rows.columns:
        # Single calls and changes are already in the order of their days, and can be many.
        others = (identifier(column) for column in rows.columns if column != dated)
        rows = rows.order(", ".join([*filter(None, [dated]), *others]))
    return rows.select(f"{literal(account)} AS {ACCOUNT}, *") if account else rows


def _dated(columns: Sequence[str]) -> str | None:
    """Return the column that `--from` and `--to` limit, or None."""
    return next((column for column in _DATE_COLUMNS if column in columns), None)
