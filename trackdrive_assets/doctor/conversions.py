"""Probes of the values that people are paid by: money, and whether a call converted."""

from decimal import Decimal

import pyarrow.compute as pc

from trackdrive_assets.api import responses
from trackdrive_assets.doctor.descriptions import REPORT_IT, no_calls
from trackdrive_assets.doctor.finding import Finding, Result, differs, inconclusive, ok
from trackdrive_assets.doctor.replies import Replies, envelope_of, rows_of
from trackdrive_assets.doctor.requests import CATEGORY
from trackdrive_assets.privacy import outline
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.reports import parse_report
from trackdrive_assets.tables.values import boolean, is_known_flag

_ROUNDING = Decimal("0.005")
_MONEY_COLUMNS = {
    "revenue": ("revenue", "buyer_revenue"),
    "payout": ("payout", "traffic_source_payout"),
    "trackdrive_cost": ("trackdrive_cost",),
    "provider_cost": ("provider_cost",),
}
_CONVERSION_OF = {"revenue": "buyer_converted", "payout": "traffic_source_converted"}
"""The column that is true for every call with this money. The other columns have a value for every call."""

_STATES = frozenset(
    ("", "converted", "not converted", "unconverted", "repeat", "first-time", "true", "false", "yes", "no")
)


def money(replies: Replies) -> Finding:
    """Probe whether the key may see the money columns."""
    rows = rows_of(replies.page)
    if not rows:
        return no_calls(replies)
    missing, empty, unknown = [], [], []
    for name, columns in _MONEY_COLUMNS.items():
        if not any(column in row for row in rows for column in columns):
            missing.append(name)
            continue
        conversion = _CONVERSION_OF.get(name)
        paid = rows if conversion is None else [row for row in rows if boolean(row.get(conversion))]
        if not paid:
            unknown.append(name)
        elif all(row.get(column) in {None, ""} for row in paid for column in columns):
            empty.append(name)
    labels = {"Missing": missing, "Always null": empty}
    hidden = " ".join(f"{label}: {', '.join(names)}." for label, names in labels.items() if names)
    if hidden:
        return differs(f"{hidden} The key may lack the permission to see them. The lake contains null.")
    if unknown:
        return inconclusive(
            f"no converted call for {', '.join(unknown)} in this period. Try a larger --days."
        )
    return ok("Revenue, payout and both costs are visible.")


def profit(replies: Replies) -> Finding:
    """Probe what the API subtracts from the revenue for its profit: the payout, or the cost too."""
    envelope = envelope_of(replies.report)
    if envelope is None:
        return inconclusive("the report was not understood.")
    try:
        report = parse_report(responses.report_rows(envelope.content, CATEGORY), category=CATEGORY)
    except (responses.UnknownShape, MalformedRow):
        return inconclusive("the report was not understood.")
    sums = {name: pc.sum(report[name]).as_py() for name in ("revenue", "payout", "cost", "profit")}
    if missing := [name for name, value in sums.items() if value is None]:
        return inconclusive(f"the report has no {', '.join(missing)}.")
    return definition_of_profit(**sums, rows=report.num_rows)


def definition_of_profit(
    *, revenue: Decimal, payout: Decimal, cost: Decimal, profit: Decimal, rows: int
) -> Finding:
    """Return the finding about the sums of a report with a number of rows, each of which may be rounded."""
    tolerance = _ROUNDING * max(1, rows)
    if abs(cost) <= tolerance:
        return inconclusive("the calls of this period cost nothing. Try a larger --days.")
    if abs(revenue - payout - profit) <= tolerance:
        return ok("Revenue minus payout, as in the views.")
    if abs(revenue - payout - cost - profit) <= tolerance:
        return differs(
            "Revenue minus payout minus cost. The check matches_api_stats compares with that. The profit of "
            "the views is revenue minus payout."
        )
    return differs(
        "Neither revenue minus payout, nor that minus cost. The check matches_api_stats will report it."
    )


def not_converted(replies: Replies) -> Finding:
    """Probe how the API writes that a call did not convert."""
    rows = rows_of(replies.page)
    if not rows:
        return no_calls(replies)
    values = [row[column] for row in rows for column in _CONVERSION_OF.values() if column in row]
    unknown = {_literal(value) for value in values if not is_known_flag(value)}
    if unknown:
        return differs(
            f"Unknown: {', '.join(sorted(unknown))}. The lake has null, and the word in `extra`. {REPORT_IT}"
        )
    literals = {_literal(value) for value in values if not boolean(value)}
    if not literals:
        return inconclusive("no unconverted call in this period. Try a larger --days.")
    result = Result.OK if literals == {"null"} else Result.DIFFERS
    return Finding(result, f"Written as {' and '.join(sorted(literals))}.")


def _literal(value: object) -> str:
    """Return the spelling of a known state. Any other text is not shown, because it may be a name."""
    if value is None:
        return "null"
    if isinstance(value, str) and value.casefold() not in _STATES:
        return "an unknown text"
    is_known = isinstance(value, str | bool) or value in {0, 1}
    return repr(value) if is_known else outline(value)
