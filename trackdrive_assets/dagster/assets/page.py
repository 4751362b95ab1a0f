"""The asset `page`: the HTML page about the last days of the lake, which is written along with the views.

It exists only with the setting `page_days`. The step of the views writes it, so that both show the same days.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dagster as dg

from trackdrive_assets.dagster.account import PAGE, VIEWS, DagsterAccount
from trackdrive_assets.dagster.io_manager import IO_MANAGER_KEY
from trackdrive_assets.dagster.metadata import OWNERS, code_links
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.report.queries import VIEWS_OF_PAGE
from trackdrive_assets.tables.columns import CALLS

if TYPE_CHECKING:
    from trackdrive_assets.lake.store import Lake


def page_spec(account: DagsterAccount) -> dg.AssetSpec:
    """Return the spec of the page."""
    days = account.settings.page_days
    return dg.AssetSpec(
        account.key(PAGE),
        deps=[account.key(VIEWS, name) for name in VIEWS_OF_PAGE],
        description=f"The HTML page about the last {days} days of the lake, in its file page.html.",
        group_name=account.qualified(VIEWS),
        kinds={"html"},
        owners=OWNERS,
        metadata=dict(code_links(account.settings, "report/page.html.jinja")),
    ).with_io_manager_key(account.qualified(IO_MANAGER_KEY))


def write_page_of_lake(account: DagsterAccount, lake: "Lake") -> dict[str, dg.MetadataValue[Any]]:
    """Write the page about the last days of a lake, and return its metadata.

    Raises:
        dg.Failure: The lake is empty, or a file can't be read or written.
    """
    from trackdrive_assets.report.page import PageError, store_page  # noqa: PLC0415  # imports DuckDB

    settings = account.settings
    last = max(lake.days(CALLS.name), default=settings.start_date)
    first = last - timedelta(days=settings.page_days - 1)
    host = urlsplit(settings.address).netloc if settings.host else None
    try:
        url = store_page(lake, first, last, time_zone=settings.time_zone, account=host)
    except (PageError, LakeError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    return {"path": dg.MetadataValue.path(url)}
