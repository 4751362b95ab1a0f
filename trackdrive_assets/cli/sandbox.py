"""`trackdrive sandbox`: its options, and the process that serves it until Ctrl-C."""

import signal
import threading
from datetime import UTC, datetime, timedelta

import click

from trackdrive_assets.sandbox import AUTH_TOKEN, PRIVATE_KEY, PUBLIC_KEY
from trackdrive_assets.sandbox.faults import KINDS, parse_fault

_EPILOG = """
\b
EXAMPLES
  trackdrive sandbox
  trackdrive sandbox --port 0 --days 30 --calls-per-day 2000
  trackdrive sandbox --api-version legacy --fault 429:every=10

\b
WHAT IS EVIDENCE, AND WHAT IS ASSUMED
  Read off captured answers, or relied upon by programs in use:
    the envelope of /calls (status, metadata, calls) with total_pages one too high;
    metadata.params echoing what was asked, unknown parameters too;
    both cursors: the id of the last row (legacy), created_at as a float in
    units of 10 microseconds (current), not 0 until a page is empty;
    newest first; "Converted" and "Repeat" or null; token-* keys; the types of
    durations, costs and timestamps; {"call": ...} for one call;
    HTTP Basic and the auth_token parameter.
  Assumed, because nobody has published an answer:
    the bodies of /calls/reports and /calls/stats; cost there is Trackdrive's
    and the provider's together, profit is revenue less payout; weeks begin on
    Monday; the group of calls that did not convert is "";
    CSV: commas, a header of the columns; the bodies of errors and of DELETE;
    created_at_to is part of the range; token-* keys are left out, and unknown
    columns dropped, where columns are asked for; serializer=call_grid changes
    nothing; a cursor with another order than created_at continues by time;
    calls of the same millisecond are all served (--ties-lost: they are not).
  All calls, people and companies are invented.
"""


@click.command(epilog=_EPILOG)
@click.option("--port", default=8765, show_default=True, help="Port on 127.0.0.1; 0 for a free one.")
@click.option(
    "--days", type=click.IntRange(min=1), help="Days of calls, back from today.  [default: since 2024-01-01]"
)
@click.option(
    "--calls-per-day",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="On the average of a week.",
)
@click.option(
    "--seed", default=1, show_default=True, help="Another seed, other calls; the same seed, the same calls."
)
@click.option(
    "--latency-ms",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Every answer comes this much later.",
)
@click.option(
    "--api-version",
    type=click.Choice(["current", "legacy"]),
    default="current",
    show_default=True,
    help="Today's API, or the older one: 36 columns, no tags, ids as cursors.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[:every=N]",
    help=f"What goes wrong, on every request or every Nth. Repeatable. KIND: {', '.join(KINDS)}.",
)
@click.option(
    "--per-page-limit",
    type=click.IntRange(min=1),
    default=250,
    show_default=True,
    help="A larger per_page is cut to this.",
)
@click.option(
    "--refuse-page-over",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="A higher page is refused in favour of cursors; 0 serves every page.",
)
@click.option("--exclusive-end", is_flag=True, help="created_at_to is not part of the range.")
@click.option("--ties-lost", is_flag=True, help="Calls of one millisecond are lost at the edge of a page.")
@click.option(
    "--report-shape",
    type=click.Choice(["objects", "map", "bare"]),
    default="objects",
    show_default=True,
    help="Body of /calls/reports.",
)
@click.option(
    "--stats-shape",
    type=click.Choice(["map", "pairs", "series", "bare_map"]),
    default="map",
    show_default=True,
    help="Body of /calls/stats.",
)
@click.option("--now", metavar="ISO", help="Stop the clock at this moment, like 2024-06-19T12:00:00Z.")
@click.option("--public-key", default=PUBLIC_KEY, show_default=True, help="HTTP Basic, with the private key.")
@click.option(
    "--private-key", default=PRIVATE_KEY, show_default=True, help="HTTP Basic, with the public key."
)
@click.option("--auth-token", default=AUTH_TOKEN, show_default=True, help="The older way to authorize.")
def sandbox(
    *,
    port: int,
    days: int | None,
    calls_per_day: int,
    seed: int,
    latency_ms: int,
    api_version: str,
    faults: tuple[str, ...],
    per_page_limit: int,
    refuse_page_over: int,
    exclusive_end: bool,
    ties_lost: bool,
    report_shape: str,
    stats_shape: str,
    now: str | None,
    public_key: str,
    private_key: str,
    auth_token: str,
) -> None:
    """Serve a Trackdrive account that does not exist, on 127.0.0.1, until Ctrl-C.

    It answers the five endpoints of the calls API with invented calls, for trying things out without an
    account.
    """
    # Not at the top, because the server takes a while to import and `--help` needs none of it.
    from trackdrive_assets.sandbox.endpoints import FIRST_DAY  # noqa: PLC0415  # see above
    from trackdrive_assets.sandbox.server import PortTakenError, Sandbox  # noqa: PLC0415  # see above

    frozen = _moment(now) if now else None

    def clock() -> datetime:
        return frozen or datetime.now(UTC)

    try:
        sandbox = Sandbox(
            port=port,
            first_day=clock().astimezone(UTC).date() - timedelta(days=days - 1) if days else FIRST_DAY,
            calls_per_day=calls_per_day,
            seed=seed,
            now=clock,
            latency_ms=latency_ms,
            api_version=api_version,
            faults=[parse_fault(text) for text in faults],
            per_page_limit=per_page_limit,
            refuse_page_over=refuse_page_over or None,
            inclusive_end=not exclusive_end,
            ties_lost=ties_lost,
            report_shape=report_shape,
            stats_shape=stats_shape,
            public_key=public_key,
            private_key=private_key,
            auth_token=auth_token,
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--fault") from None

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with sandbox:
            click.echo(
                f"export TRACKDRIVE_BASE_URL={sandbox.base_url}\n"
                f"export TRACKDRIVE_PUBLIC_KEY={public_key}\n"
                f"export TRACKDRIVE_PRIVATE_KEY={private_key}\n"
                "export TRACKDRIVE_LAKE=sandbox-data\n"
                "# Paste these into another terminal. Ctrl-C ends the sandbox."
            )
            stop.wait()
    except PortTakenError as error:
        raise click.ClickException(str(error)) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no moment. Write one like 2024-06-19T12:00:00Z.", param_hint="--now"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
