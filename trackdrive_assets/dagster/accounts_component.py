"""The Dagster component of the DuckDB file over several accounts.

`dg` imports this module whenever it lists components, so it imports nothing heavy. How the file is built is
in `lake/accounts.py`.
"""

import os
from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from pydantic import BaseModel, Field, PrivateAttr

from trackdrive_assets.dagster.account import VIEWS, DagsterAccount
from trackdrive_assets.dagster.attributes import Folder, refuse_unset_variables
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.settings import SettingError, Settings, project_path
from trackdrive_assets.tables.columns import CALLS, COLUMN_DESCRIPTIONS, DESCRIPTIONS, schemas

KEY = dg.AssetKey(["all_accounts", VIEWS])


class TrackdriveAccountsComponent(dg.Component, dg.Model, dg.Resolvable):
    """One DuckDB file over the lakes of several accounts, whose views have a column `account`."""

    lake: Folder = Field(description="The folder or URL with the lakes: account=acme, account=zenith, …")
    accounts: list[str] = Field(
        default_factory=list, description="Names of the accounts. The asset comes after their views."
    )

    _written: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Return the component of a `defs.yaml`."""
        component = super().load(attributes, context)
        component._written = attributes.model_dump() if attributes else {}  # noqa: SLF001  its own
        return component

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002  not needed
        """Return the asset that builds the file."""

        @dg.asset(
            key=KEY,
            deps=[DagsterAccount(Settings(), name).key(VIEWS, CALLS.name) for name in self.accounts],
            group_name="all_accounts",
            kinds={"duckdb"},
            description="trackdrive.duckdb over all accounts: every view with a column `account`, and a "
            "schema for each account.",
            automation_condition=dg.AutomationCondition.eager(),
        )
        def views_of_all_accounts() -> dg.MaterializeResult[None]:
            # It imports DuckDB.
            from trackdrive_assets.lake.accounts import build_accounts_database  # noqa: PLC0415

            try:
                # Here, so that the accounts load without it.
                refuse_unset_variables(self._written)
                built = build_accounts_database(
                    project_path(self.lake, os.environ),
                    schemas(),
                    descriptions=DESCRIPTIONS,
                    column_descriptions=COLUMN_DESCRIPTIONS,
                )
            except (SettingError, LakeError) as error:
                raise dg.Failure(str(error), allow_retries=False) from None
            return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(built.url)})

        return dg.Definitions(assets=[views_of_all_accounts])
