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

from trackdrive_assets.lake.database import (
    FILE,
    OFFLINE,
    BuildResult,
    ViewColumn,
    comment_on_column,
    comment_on_view,
    inherited_comments,
    look_for_files_in,
    replace_database,
    view_columns,
    view_statements,
)
from trackdrive_assets.lake.errors import LakeError, write_error
from trackdrive_assets.lake.file_index import FileIndex
from trackdrive_assets.lake.layout import RESERVED_ACCOUNTS
from trackdrive_assets.lake.ownership import check, record_of
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.lake.storage import Storage
from trackdrive_assets.lake.store import Lake, open_storage
from trackdrive_assets.lake.table_sql import identifier, literal, with_relative_paths

ACCOUNT = "account"
"""The column with the name of the account, which is the name of its schema."""

_DESCRIPTION = "The account: the name of its folder in the lake, and of its schema in this file."


@dataclass(frozen=True)
class AccountLake:
    """The lake of an account, and the time zone of its days."""

    lake: Lake
    time_zone: str


def has_accounts(root: str | Path) -> bool:
    """Return whether a folder or URL has folders of accounts."""
    return bool(account_roots(root))


def account_roots(root: str | Path) -> list[str]:
    """Return the lakes of the accounts of a folder or URL. Empty if it has no account."""
    storage = open_storage(root)
    return [storage.url(folder) for folder in storage.folders(f"{ACCOUNT}=")]


def build_accounts_database(
    root: str | Path,
    schemas: Mapping[str, pa.Schema],
    *,
    descriptions: Mapping[str, str] = MappingProxyType({}),
    column_descriptions: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    is_relative: bool = False,
) -> BuildResult:
    """Build the DuckDB file over the accounts of a root, and replace the old one.

    An account without any day is left out.

    Args:
        root: The folder or URL with the lakes of the accounts.
        schemas: The schema of each table in the lakes.
        descriptions: The comment of each table.
        column_descriptions: The comment of each column of each table.
        is_relative: Whether the paths in the views begin at the root.

    Raises:
        LakeError: The root is a lake itself, no account has a day, the time zone of one is being changed, a
            view failed, or the file can't be written. The old file is unchanged.
    """
    lake = Lake(root)
    storage = lake.storage
    if record := record_of(lake):
        raise LakeError(
            f"{storage.root} is the lake of {record.identity.account}, whose {FILE} would be replaced. Move "
            f"what it contains to {storage.url(f'{ACCOUNT}=acme')}, or name another folder."
        )
    accounts = account_lakes(storage)
    if not accounts:
        raise LakeError(
            f"{storage.root} has no folder {ACCOUNT}=… with days of an account. Set the lake of each account "
            f"to such a folder, like {storage.url(f'{ACCOUNT}=acme')}, or name another folder."
        )
    texts = {**descriptions, **{name: view.description for name, view in views().items()}}
    with storage.open(FILE) as old, storage.staging(FILE) as staging:
        new = staging / "views"
        try:
            columns = _write(
                new,
                storage,
                accounts,
                schemas,
                descriptions=texts,
                column_descriptions=column_descriptions,
                is_relative=is_relative,
            )
        except duckdb.Error as error:
            for account in accounts.values():
                if damage := account.lake.damage_named_in(str(error)):
                    raise damage from error
            raise write_error("write", storage.url(FILE), str(error)) from error
        replace_database(storage, old, new, {*columns, *accounts})
    return BuildResult(storage.url(FILE), columns)


def account_lakes(storage: Storage) -> dict[str, AccountLake]:
    """Return the lake of each account that has days, by the name of the account."""
    found: dict[str, AccountLake] = {}
    for folder in storage.folders(f"{ACCOUNT}="):
        lake = Lake(storage.url(folder))
        check(lake)
        if record := record_of(lake):
            found[_name_of(storage, folder)] = AccountLake(lake, record.identity.time_zone)
    return found


def _name_of(storage: Storage, folder: str) -> str:
    """Return the name of the account of a folder, which becomes a schema.

    Raises:
        LakeError: DuckDB has a schema of that name.
    """
    name = folder.partition("=")[2]
    if not name or name.lower() in RESERVED_ACCOUNTS:
        raise LakeError(
            f"{storage.url(folder)} cannot become a schema, because of its name. Rename the folder."
        )
    return name


def _write(
    new: Path,
    storage: Storage,
    accounts: Mapping[str, AccountLake],
    schemas: Mapping[str, pa.Schema],
    *,
    descriptions: Mapping[str, str],
    column_descriptions: Mapping[str, Mapping[str, str]],
    is_relative: bool,
) -> dict[str, list[ViewColumn]]:
    """Write a new file, and return the columns of the views over all accounts."""
    with duckdb.connect(config=OFFLINE) as connection:
        storage.let_read(connection)
        if is_relative:
            look_for_files_in(connection, storage.root)
        connection.execute(f"ATTACH {literal(str(new))} AS trackdrive (STORAGE_VERSION 'v1.0.0')")
        connection.begin()
        for name, account in accounts.items():
            schema = f"trackdrive.{identifier(name)}"
            connection.execute(f"CREATE SCHEMA {schema}")
            connection.execute(f"USE {schema}")
            index = FileIndex(account.lake.storage)
            for _, statement in view_statements(account.lake, schemas, account.time_zone, index=index):
                connection.execute(with_relative_paths(storage.root, statement) if is_relative else statement)
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
