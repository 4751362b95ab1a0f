"""`trackdrive sandbox`: its options, and the process that runs the sandbox until Ctrl-C."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from trackdrive_assets.cli.signals import wait_for_signal
from trackdrive_assets.days import YEARS
from trackdrive_assets.sandbox import AUTH_TOKEN, PRIVATE_KEY, PUBLIC_KEY, TIME_ZONE
from trackdrive_assets.sandbox.faults import KINDS, parse_fault

_POSITIVE, _COUNT = click.IntRange(1, 1_000_000), click.IntRange(0, 1_000_000)

_EPILOG = """
\b
EXAMPLES
  trackdrive sandbox
  trackdrive sandbox --port 0 --days 30 --calls-per-day 2000
  trackdrive sandbox --api-version legacy --fault 429:every=10

\b
EVIDENCE
  Seen in captured responses, or needed by programs in use:
    the envelope of /calls (status, metadata, calls) with total_pages one too high;
    metadata.params with the parameters of the request, unknown ones too;
    both cursors: the id of the last row (legacy), created_at as a float in
    units of 10 microseconds (current), not 0 until a page is empty;
    newest first; "Converted" and "Repeat" or null; token-* keys; the types of
    durations, costs and timestamps; {"call": ...} for one call;
    the envelopes of /buyers, /traffic_sources and /phone_numbers;
    HTTP Basic and the auth_token parameter.

\b
ASSUMPTIONS
  No response of these is published:
    the bodies of /calls/reports and /calls/stats; cost there is Trackdrive's
    and the provider's together, profit is revenue minus payout; weeks start on
    Monday; the group of unconverted calls is "";
    the token as "Authorization: Token ...";
    CSV: commas, a header of the columns; the bodies of errors and of DELETE;
    the envelope of /offers, and the caps of buyers;
    a range contains created_at_to; if a request chooses columns, token-* keys
    and unknown columns are missing; serializer=call_grid changes nothing;
    a cursor with an order other than created_at continues by time;
    calls of the same millisecond are all on some page (not with --ties-lost).
  All calls, people and companies are fictional.
"""


@click.command(epilog=_EPILOG, context_settings={"show_default": True})
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, help="Port on 127.0.0.1; 0 for a free port."
)
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    help="Number of days of calls up to today.  [default: since 2024-01-01]",
)
@click.option("--calls-per-day", type=_COUNT, default=200, help="Average number of calls per day of a week.")
@click.option("--company", default="Sandbox", help="Company of the account. Another one is another account.")
@click.option("--seed", default=1, help="Seed of the calls. Another seed gives other calls.")
@click.option("--latency-ms", type=_COUNT, default=0, help="Delay of every response in milliseconds.")
@click.option(
    "--api-version",
    type=click.Choice(["current", "legacy"]),
    default="current",
    help="The current API, or the legacy API: 36 columns, no tags, ids as cursors.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[:every=N]",
    help=f"Fault of every request, or of every Nth. Repeatable. KIND: {', '.join(KINDS)}.",
)
@click.option(
    "--per-page-limit",
    type=_POSITIVE,
    default=250,
    help="Largest page. A larger per_page is reduced to it.",
)
@click.option(
    "--refuse-page-over",
    type=_COUNT,
    default=10,
    help="Last page that is served without a cursor; 0 serves every page.",
)
@click.option("--exclusive-end", is_flag=True, help="Exclude created_at_to from a range.")
@click.option("--ties-lost", is_flag=True, help="Lose some calls of the same millisecond between pages.")
@click.option(
    "--report-shape",
    type=click.Choice(["objects", "map", "bare"]),
    default="objects",
    help="Shape of the body of /calls/reports.",
)
@click.option(
    "--stats-shape",
    type=click.Choice(["map", "pairs", "series", "bare_map"]),
    default="map",
    help="Shape of the body of /calls/stats.",
)
@click.option("--now", metavar="ISO", help="Fixed time of the clock, like 2024-06-19T12:00:00Z.")
@click.option("--public-key", default=PUBLIC_KEY, help="User name of HTTP Basic.")
@click.option("--private-key", default=PRIVATE_KEY, help="Password of HTTP Basic.")
@click.option("--auth-token", default=AUTH_TOKEN, help="Token of the legacy API.")
def sandbox(
    *,
    days: int | None,
    faults: tuple[str, ...],
    refuse_page_over: int,
    exclusive_end: bool,
    now: str | None,
    **options: Any,
) -> None:
    """Serve a fictional Trackdrive account on 127.0.0.1 until Ctrl-C.

    It has the five endpoints of the calls API and the reference lists, for experiments without an account.
    """
    # The server is slow to import, and `--help` does not need it.
    from trackdrive_assets.sandbox.endpoints import FIRST_DAY  # noqa: PLC0415  # see above
    from trackdrive_assets.sandbox.server import PortTakenError, Sandbox  # noqa: PLC0415  # see above

    fixed = _parse_instant(now) if now else None

    def clock() -> datetime:
        return fixed or datetime.now(UTC)

    try:
        sandbox = Sandbox(
            first_day=clock().astimezone(UTC).date() - timedelta(days=days - 1) if days else FIRST_DAY,
            now=clock,
            faults=[parse_fault(text) for text in faults],
            refuse_page_over=refuse_page_over or None,
            inclusive_end=not exclusive_end,
            **options,
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--fault") from None

    try:
        with sandbox:
            click.echo(
                f"export TRACKDRIVE_BASE_URL={sandbox.base_url}\n"
                f"export TRACKDRIVE_PUBLIC_KEY={sandbox.public_key}\n"
                f"export TRACKDRIVE_PRIVATE_KEY={sandbox.private_key}\n"
                f"export TRACKDRIVE_TIME_ZONE={TIME_ZONE}\n"
                "export TRACKDRIVE_LAKE=sandbox-data\n"
                "# Paste these lines into another terminal. Ctrl-C stops the sandbox."
            )
            wait_for_signal()
    except PortTakenError as error:
        raise click.ClickException(str(error)) from None


def _parse_instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not an instant. Use a text like 2024-06-19T12:00:00Z.", param_hint="--now"
        ) from None
    if instant.year not in YEARS:
        raise click.BadParameter(f"Use a year from {YEARS[0]} to {YEARS[-1]}.", param_hint="--now")
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
