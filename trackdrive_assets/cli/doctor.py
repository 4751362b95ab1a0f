"""`trackdrive doctor`: sends the configured account a few small requests and prints what they settle."""

from __future__ import annotations

import json
import os
import platform
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from trackdrive_assets.cli.account import account_client, account_settings
from trackdrive_assets.cli.errors import CliError, ExitCode
from trackdrive_assets.cli.output import table_text
from trackdrive_assets.cost import count_of
from trackdrive_assets.settings import project_path, variable

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.doctor.finding import Finding
    from trackdrive_assets.settings import Settings

RETRY_BUDGET = 5.0
RESPONSE_TIMEOUT = 20.0
_WIDTH = 76

_EPILOG = """
\b
EXAMPLES
  trackdrive doctor
  trackdrive doctor --days 90
  trackdrive doctor --webhook
  trackdrive doctor --json | jq '.findings[] | select(.result == "failed")'

\b
RESULTS
  ok            the API does what this package expects
  differs       the API does something else, or is limited; runs cope with it
  inconclusive  the responses do not settle it, for example without calls
  failed        runs cannot read what depends on it
  not_asked     the first request failed, and every other would fail too

It sends at most seven small GET requests, and one for each report category that is not documented.
It never hangs up a call. The output contains no secret, no phone number and no name, so you can
paste it into a ticket. It also looks whether runs may write to the lake, and changes nothing there.
The exit code is 1 if a probe failed, and 3 if every failure may pass by itself.
"""


@click.command(epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option(
    "--days",
    type=click.IntRange(min=1, max=366),
    default=7,
    show_default=True,
    help="Number of days whose calls are requested.",
)
@click.option(
    "--webhook",
    is_flag=True,
    help="Do not probe the account. Send a test message to TRACKDRIVE_WEBHOOK_URL.",
)
@click.pass_context
def doctor(context: click.Context, /, *, as_json: bool, days: int, webhook: bool) -> None:
    """Probe the account: print what works, what is limited and what fails."""
    if webhook:
        _test_webhook(account_settings())
        return
    from trackdrive_assets.doctor.finding import (  # noqa: PLC0415  # slow to import
        Result,
        is_transient_failure,
        overall,
    )
    from trackdrive_assets.doctor.lake_access import lake  # noqa: PLC0415  # slow to import
    from trackdrive_assets.doctor.probes import findings  # noqa: PLC0415  # slow to import
    from trackdrive_assets.doctor.requests import send_requests  # noqa: PLC0415  # slow to import
    from trackdrive_assets.doctor.verdict import verdict  # noqa: PLC0415  # slow to import

    settings = account_settings()
    now = datetime.now(UTC)
    with account_client(settings, retry_budget=RETRY_BUDGET, response_timeout=RESPONSE_TIMEOUT) as client:
        with _progress(settings.address, client):
            replies = send_requests(client, days=days, now=now, categories=settings.fetched_categories)
        requests = client.usage.requests
    found = {
        **findings(replies, settings),
        "lake": lake(project_path(settings.lake, os.environ), settings),
    }
    header = _header(settings, now, requests)
    result = overall(found.values())
    if as_json:
        listed = [{"probe": probe, **asdict(finding)} for probe, finding in found.items()]
        click.echo(json.dumps({**header, "result": result, "findings": listed}, indent=2))
    else:
        click.echo("\n".join(f"{name:13}{value}" for name, value in header.items()))
        click.echo(f"\n{_table(found)}")
        click.echo("\n{}\n  {}".format(*verdict(found)))
    if result is Result.FAILED:
        context.exit(ExitCode.TEMPORARY if is_transient_failure(found.values()) else ExitCode.REFUSED)


def _test_webhook(settings: Settings) -> None:
    """Send a test message, and print what came back.

    Raises:
        CliError: The URL is not set, or the receiver did not accept the message.
    """
    from trackdrive_assets.dagster.webhook import (  # noqa: PLC0415  # slow to import
        WebhookUnreachable,
        deliver,
        message,
    )

    if settings.webhook_url is None:
        raise CliError(f"{variable('webhook_url')} is not set.", ExitCode.WRONG_USE)
    try:
        delivery = deliver(settings.webhook_url, message(settings, "This is a test. Nothing failed."))
    except WebhookUnreachable as error:
        raise CliError(str(error), ExitCode.TEMPORARY) from None
    if not delivery.is_accepted:
        raise CliError(delivery.description, ExitCode.REFUSED)
    click.echo(delivery.description)


def _header(settings: Settings, now: datetime, requests: int) -> dict[str, str | int]:
    """Return what the reader of a log or a ticket needs to know first."""
    from trackdrive_assets.api.auth import KeyPair  # noqa: PLC0415  # imported by now

    return {
        "account": settings.address,
        "credentials": "key pair" if isinstance(settings.credentials, KeyPair) else str(settings.credentials),
        "time zone": settings.time_zone,
        "probed at": now.isoformat(timespec="seconds"),
        "requests": requests,
        "version": f"trackdrive-assets {version('trackdrive-assets')}, Python {platform.python_version()}, "
        f"{platform.system()}",
    }


def _table(found: Mapping[str, Finding]) -> str:
    """Return the findings as a table; a long description takes several lines.

    If the first request failed, the table has only what is wrong. The number of the others follows.
    """
    not_asked = sum(finding.result == "not_asked" for finding in found.values())
    rows: list[Sequence[str]] = []
    for probe, finding in found.items():
        if not_asked and finding.result in {"ok", "not_asked"}:
            continue
        first, *others = textwrap.wrap(finding.description, _WIDTH)
        rows += [(finding.result, probe, first), *(("", "", line) for line in others)]
    table = table_text(("result", "probe", "description"), rows)
    return f"{table}\n\n{count_of(not_asked, 'question')} not asked." if not_asked else table


@contextmanager
def _progress(address: str, client: Client) -> Iterator[None]:
    """Show on a terminal how many requests were sent."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with Live(Spinner("dots", _RequestCount(address, client)), console=console, transient=True):
        yield


@dataclass(frozen=True)
class _RequestCount:
    """A text that changes with the requests of a client."""

    address: str
    client: Client

    def __rich__(self) -> str:
        return f"Asking {self.address}: {count_of(self.client.usage.requests, 'request')}"
