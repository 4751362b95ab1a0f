"""The first `defs.yaml` of an account, which `dg scaffold defs` writes."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import dagster as dg
from pydantic import AfterValidator, BaseModel, Field

from trackdrive_assets.dagster.account import qualified_name
from trackdrive_assets.setting_values import parse_subdomain
from trackdrive_assets.settings import setting_description

_FIRST_DAYS = 7


class AccountParams(BaseModel):
    """The options of `dg scaffold`."""

    subdomain: Annotated[str, AfterValidator(parse_subdomain)] = Field(
        description=setting_description("subdomain")
    )
    time_zone: str = Field(default="UTC", description=setting_description("time_zone"))
    start_date: str | None = Field(
        default=None, description=f"The first day. By default {_FIRST_DAYS} days ago."
    )
    lake: str | None = Field(default=None, description="Folder or URL of the lake of this account.")


class AccountScaffolder(dg.Scaffolder[AccountParams]):
    """The scaffolder of the component of an account."""

    @classmethod
    def get_scaffold_params(cls) -> type[AccountParams]:
        """Return the class of the options."""
        return AccountParams

    def scaffold(self, request: dg.ScaffoldRequest[AccountParams]) -> None:
        """Write the `defs.yaml` of an account. Its keys are variables, named after the subdomain."""
        given = request.params
        start = given.start_date or (datetime.now(UTC) - timedelta(days=_FIRST_DAYS)).date().isoformat()
        dg.scaffold_component(
            request,
            {
                "account": {
                    "subdomain": given.subdomain,
                    **{
                        key: f"{{{{ env.{qualified_name(given.subdomain, key).upper()} }}}}"
                        for key in ("public_key", "private_key")
                    },
                },
                "time_zone": given.time_zone,
                "start_date": start,
                "lake": given.lake or f"data/account={given.subdomain}",
            },
        )
