"""trackdrive.duckdb over several accounts: every view of each, with a column `account`.

The lakes of the accounts are the folders `account=<name>` of a root. The file has a schema for each account
with its own views, whose days are in its own time zone, and views over all accounts in the main schema. Not
here: the views of one account (`database.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa

from trackdrive_assets.lake.atomic import atomic_replace, staging_dir
from trackdrive_assets.lake.database import (
    FILE,
    OFFLINE,
    BuildResult,
    ViewColumn,
    comment_on_column,
    comment_on_view,
    inherited_comments,
    view_columns,
    view_statements,
)
from trackdrive_assets.lake.errors import LakeError, write_error
from trackdrive_assets.lake.foreign_objects import keep_foreign_objects
from trackdrive_assets.lake.layout import RESERVED_ACCOUNTS
from trackdrive_assets.lake.ownership import check, record_of
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.lake.table_sql import identifier, literal

ACCOUNT = "account"
"""The column with the name of the account, which is the name of its schema."""

_DESCRIPTION = "The account: the name of its folder in the lake, and of its schema in this file."


@dataclass(frozen=True)
class AccountLake:
    """The lake of an account, and the time zone of its days."""

    lake: Lake
    time_zone: str


def has_accounts(root: Path) -> bool:
    """Return whether a folder has folders of accounts."""
    return any(root.glob(f"{ACCOUNT}=*/"))


def build_accounts_database(
    root: Path,
    schemas: Mapping[str, pa.Schema],
    *,
    descriptions: Mapping[str, str] = MappingProxyType({}),
    column_descriptions: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> BuildResult:
    """Build the DuckDB file over the accounts of a root, and replace the old one.

    An account without any day is left out.

    Args:
        root: The folder with the lakes of the accounts.
        schemas: The schema of each table in the lakes.
        descriptions: The comment of each table.
        column_descriptions: The comment of each column of each table.

    Raises:
        LakeError: The root is a lake itself, no account has a day, the time zone of one is being changed, a
            view failed, or the file can't be written. The old file is unchanged.
    """
    if record := record_of(Lake(root)):
        raise LakeError(
            f"{root} is the lake of {record.identity.account}, whose {FILE} would be replaced. Move what it "
            f"contains to {root / f'{ACCOUNT}=acme'}, or name another folder."
        )
    accounts = _accounts_of(root)
    if not accounts:
        raise LakeError(
            f"{root} has no folder {ACCOUNT}=… with days of an account. Set the lake of each account to "
            f"such a folder, like {root / f'{ACCOUNT}=acme'}, or name another folder."
        )
    path = root / FILE
    texts = {**descriptions, **{name: view.description for name, view in views().items()}}
    with staging_dir(path) as staging:
        new = staging / "views"
        try:
            columns = _write(new, accounts, schemas, texts, column_descriptions)
        except duckdb.Error as error:
            raise write_error("write", path, str(error)) from error
        keep_foreign_objects(path, {*columns, *accounts})
        atomic_replace(new, path)
    return BuildResult(path, columns)


def _accounts_of(root: Path) -> dict[str, AccountLake]:
    """Return the lake of each account that has days, by the name of the account."""
    found: dict[str, AccountLake] = {}
    for folder in sorted(root.glob(f"{ACCOUNT}=*/")):
        lake = Lake(folder)
        check(lake)
        if record := record_of(lake):
            found[_name_of(folder)] = AccountLake(lake, record.identity.time_zone)
    return found


def _name_of(folder: Path) -> str:
    """Return the name of the account of a folder, which becomes a schema.

    Raises:
        LakeError: DuckDB has a schema of that name.
    """
    name = folder.name.partition("=")[2]
    if not name or name.lower() in RESERVED_ACCOUNTS:
        raise LakeError(f"{folder} cannot become a schema, because of its name. Rename the folder.")
    return name


def _write(
    new: Path,
    accounts: Mapping[str, AccountLake],
    schemas: Mapping[str, pa.Schema],
    descriptions: Mapping[str, str],
    column_descriptions: Mapping[str, Mapping[str, str]],
) -> dict[str, list[ViewColumn]]:
    """Write a new file, and return the columns of the views over all accounts."""
    with duckdb.connect(config=OFFLINE) as connection:
        connection.execute(f"ATTACH {literal(str(new))} AS trackdrive (STORAGE_VERSION 'v1.0.0')")
        connection.begin()
        for name, account in accounts.items():
            schema = f"trackdrive.{identifier(name)}"
            connection.execute(f"CREATE SCHEMA {schema}")
            connection.execute(f"USE {schema}")
            for _, statement in view_statements(account.lake, schemas, account.time_zone):
                connection.execute(statement)
        connection.execute("USE trackdrive.main")
        for name in (*schemas, *views()):
            connection.execute(f"CREATE VIEW {identifier(name)} AS {_union(name, accounts)}")
        for name, text in descriptions.items():
            connection.execute(comment_on_view(name, text))
        for table in schemas:
            for column, text in {ACCOUNT: _DESCRIPTION, **column_descriptions.get(table, {})}.items():
                connection.execute(comment_on_column(table, column, text))
        for statement in inherited_comments(connection):
            connection.execute(statement)
        columns = view_columns(connection)
        connection.commit()
        connection.execute("USE memory")
        connection.execute("DETACH trackdrive")
    return columns


def _union(view: str, accounts: Iterable[str]) -> str:
    """Return the query over a view of all accounts."""
    selects = [
        f"SELECT {literal(name)} AS account, * "  # noqa: S608  quoted
        f"FROM {identifier(name)}.{identifier(view)}"
        for name in accounts
    ]
    return " UNION ALL BY NAME ".join(selects)
