"""`trackdrive doctor`: asks the configured account a few small questions and prints what they settle."""

from __future__ import annotations

import json
import platform
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import click

from trackdrive_assets.cli.account import account_client, account_settings
from trackdrive_assets.cli.errors import ExitCode
from trackdrive_assets.cli.output import table_text

if TYPE_CHECKING:
    from trackdrive_assets.doctor.findings import Finding
    from trackdrive_assets.settings import Settings

RETRY_BUDGET = 5.0
READ_TIMEOUT = 20.0
_WIDTH = 76

_EPILOG = """
\b
EXAMPLES
  trackdrive doctor
  trackdrive doctor --days 90
  trackdrive doctor --json | jq '.findings[] | select(.result == "failed")'

\b
RESULTS
  ok       as this package expects it
  differs  otherwise, or limited; runs cope with it, and the words say how
  untold   the answers do not tell, as where there are no calls
  failed   what depends on it cannot be read

It asks about fifteen small questions, and never hangs up a call: what a DELETE answers stays
open. The table holds no secret, no phone number and no name, so it can be pasted into a ticket.
The exit code is 1 if anything failed, 3 if all that failed may pass by itself.
"""


@click.command(epilog=_EPILOG, context_settings={"max_content_width": 100})
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option(
    "--days",
    type=click.IntRange(min=1, max=366),
    default=7,
    show_default=True,
    help="Days of calls to look at.",
)
@click.pass_context
def doctor(context: click.Context, /, *, as_json: bool, days: int) -> None:
    """Ask the account what it is like, and say what works, what is limited and what fails."""
    from trackdrive_assets.doctor.asking import examine  # noqa: PLC0415  # slow to import
    from trackdrive_assets.doctor.findings import Result, findings, is_transient_failure, worst  # noqa: PLC0415  # as above

    settings = account_settings()
    now = datetime.now(UTC)
    with account_client(settings, retry_budget=RETRY_BUDGET, read_timeout=READ_TIMEOUT) as client:
        answers = examine(client, days=days, now=now)
        requests = client.usage.requests
    found = [*findings(answers), _cost(settings, answers)]
    about = _about(settings, now, requests)
    result = worst(found)
    if as_json:
        told = [{"subject": each.subject, "result": each.result, "says": each.says} for each in found]
        click.echo(json.dumps({**about, "result": result, "findings": told}, indent=2))
    else:
        click.echo("\n".join(f"{name:13}{value}" for name, value in about.items()))
        click.echo(f"\n{_table(found)}")
    if result is Result.FAILED:
        context.exit(ExitCode.LATER if is_transient_failure(found) else ExitCode.REFUSED)


def _cost(settings: Settings, answers: Any) -> Finding:
    from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS  # noqa: PLC0415  # imported by now
    from trackdrive_assets.doctor.findings import cost_of_a_day  # noqa: PLC0415  # as above
    from trackdrive_assets.settings import STATS_INTERVALS  # noqa: PLC0415  # as above

    return cost_of_a_day(
        answers,
        categories=len(settings.report_categories),
        series=len(LEGACY_GROUP_BYS),
        minutes=STATS_INTERVALS[settings.stats_interval],
        pace=settings.requests_per_second,
    )


def _about(settings: Settings, now: datetime, requests: int) -> dict[str, str | int]:
    """What whoever reads a log or a ticket asks first."""
    from trackdrive_assets.api.auth import KeyPair  # noqa: PLC0415  # imported by now

    return {
        "account": settings.address,
        "credentials": "key pair" if isinstance(settings.credentials, KeyPair) else "auth_token",
        "time zone": settings.time_zone,
        "asked at": now.isoformat(timespec="seconds"),
        "requests": requests,
        "version": f"trackdrive-assets {version('trackdrive-assets')}, Python {platform.python_version()}, "
        f"{platform.system()}",
    }


def _table(found: Sequence[Finding]) -> str:
    """A finding with many words takes several lines."""
    rows = [
        ((each.result, each.subject) if first else ("", "")) + (line,)
        for each in found
        for first, line in _numbered(textwrap.wrap(each.says, _WIDTH))
    ]
    return table_text(("result", "subject", "what was found"), rows)


def _numbered(lines: Sequence[str]) -> list[tuple[bool, str]]:
    return [(number == 0, line) for number, line in enumerate(lines)]
