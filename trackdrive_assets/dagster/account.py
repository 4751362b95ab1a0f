"""One account in Dagster: its settings, and the names that tell it apart from other accounts.

Several accounts can share a code location or an instance. Dagster then needs different keys and names for
everything that each of them has. Not here: what is built with these names.
"""

import re
from dataclasses import dataclass
from typing import Any

import dagster as dg

from trackdrive_assets.lake.layout import RESERVED_ACCOUNTS
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import TABLES

VIEWS = "views"
"""The first part of the keys of the views, after the account."""

PAGE = "page"
"""The key of the page, after the account."""

ASSET_GROUPS = frozenset({*(table.name for table in TABLES), VIEWS, PAGE})
"""The first parts of the keys of an account's assets."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.IGNORECASE)


@dataclass(frozen=True)
class DagsterAccount:
    """The settings of an account, and its name in Dagster.

    Attributes:
        settings: The settings of the account.
        name: The name that begins the keys and names of the account, like `acme`. None for the only
            account of an instance.
        running_schedules: The schedules that are on until a person turns them off, without the account.

    Raises:
        ValueError: The name cannot begin a key.
    """

    settings: Settings
    name: str | None = None
    running_schedules: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.name is None:
            return
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} cannot be the name of an account. Use letters, digits, - and _, like acme."
            )
        if self.name in ASSET_GROUPS | RESERVED_ACCOUNTS:
            raise ValueError(
                f"{self.name!r} cannot be the name of an account, because a table or DuckDB has it."
            )

    def key(self, *parts: str) -> dg.AssetKey:
        """Return the key of an asset: `acme/reports/buyer_id`."""
        return dg.AssetKey([*([self.name] if self.name else []), *parts])

    def qualified(self, text: str) -> str:
        """Return the name of an op, a job, a schedule, a sensor, a group, a pool or a resource."""
        return qualified_name(self.name, text)

    def default_status(self, schedule: str) -> dg.DefaultScheduleStatus:
        """Return whether a schedule is on until a person changes that."""
        is_on = schedule in self.running_schedules
        return dg.DefaultScheduleStatus.RUNNING if is_on else dg.DefaultScheduleStatus.STOPPED

    def resource(self, context: Any, name: str) -> Any:
        """Return a resource of the account from the context of a step, such as `lake`."""
        return getattr(context.resources, self.qualified(name))


def qualified_name(account: str | None, text: str) -> str:
    """Return a name that begins with the account.

    Dagster allows no hyphen in names. A resource is also a field, whose name begins with a letter.
    """
    if not account:
        return text
    return f"{'account_' if account[0].isdigit() else ''}{account.replace('-', '_')}_{text}"


def parts_of_key(key: dg.AssetKey) -> list[str]:
    """Return the parts of an asset's key without what comes before its table."""
    path = list(key.path)
    begin = next((position for position, part in enumerate(path) if part in ASSET_GROUPS), 0)
    return path[begin:]
