"""The columns of every table: name, type, description, and the API's keys that may contain the value.

Schemas, documentation, checks and the metadata in Dagster's UI all come from these lists. Values are parsed
in `values`, and tables are stored by `lake`.

Dagster's definitions need the columns, and must load fast. So this module imports Arrow only for a schema.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

INSTANT = "timestamp[us, tz=UTC]"
MONEY = "decimal128(18, 6)"
SUM_OF_MONEY = "decimal128(38, 6)"
SECONDS = "double"
BOOLEAN = "bool"
ID = "int64"
COUNT = "int64"
TEXT = "string"
JSON_TEXT = "string"
TOKENS = "map<string, string>"
DAY = "date32[day]"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: The name in the table.
        type: The name of the Arrow type.
        description: One sentence, with the unit if there is one.
        sources: The keys of an API row that may contain the value, best first. Empty for columns that this
            package adds.
        is_html_escaped: Whether the API sends the text HTML-escaped (`Auto &amp; Home`).
    """

    name: str
    type: str
    description: str
    sources: tuple[str, ...] = ()
    is_html_escaped: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type."""
        from trackdrive_assets.tables.arrow_types import ARROW_TYPES  # noqa: PLC0415  # imports Arrow

        return ARROW_TYPES[self.type]


_DATE = Column("date", DAY, "The date of the partition, in the account's time zone.")


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    Attributes:
        name: The name of the folder and of the view.
        description: A description of a row, and the purpose of the table.
        columns: The columns of a file, in order. The date is in the name of its folder instead.
    """

    name: str
    description: str
    columns: tuple[Column, ...]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a file. Every field may be null."""
        import pyarrow as pa  # noqa: PLC0415  # slow to import

        return pa.schema([(column.name, column.arrow_type) for column in self.columns])

    @property
    def view_columns(self) -> tuple[Column, ...]:
        """The columns of the view: those of a file, and the date."""
        return (*self.columns, _DATE)

    @property
    def column_descriptions(self) -> dict[str, str]:
        """The description of each column of the view by name."""
        return {column.name: column.description for column in self.view_columns}


def _column(name: str, type_: str, description: str, *other_sources: str) -> Column:
    """Return a column that the API sends under the same name, or else under another one."""
    return Column(name, type_, description, sources=(name, *other_sources))


def _name_column(name: str, description: str) -> Column:
    """Return a column of names that people typed into Trackdrive. The API sends them HTML-escaped."""
    return Column(name, TEXT, description, sources=(name,), is_html_escaped=True)


CALLS = Table(
    name="calls",
    description=(
        "One row per phone call, as the API returned it when its day was last fetched. "
        "All numbers of the other views are computed from it. Calls of the last weeks still change."
    ),
    columns=(
        _column("id", ID, "Trackdrive's id of the call."),
        _column("legacy_id", TEXT, "Id of the call in an older Trackdrive system."),
        _column("type", TEXT, "Kind of record."),
        _column("uuid", TEXT, "The call's unique identifier, the same in every export."),
        _column("created_at", INSTANT, "When the call started."),
        _column("updated_at", INSTANT, "When Trackdrive last changed the record."),
        _column("deleted_at", INSTANT, "When the record was deleted. Null if it is not deleted."),
        _column("user_updated_at", INSTANT, "When a person last changed the record."),
        _column("routes_show_path", TEXT, "Path of the call's page in Trackdrive."),
        _column("routes_edit_path", TEXT, "Path of the call's edit page in Trackdrive."),
        _column("external_record_id", TEXT, "The call's id in another system."),
        _name_column("name", "Display name of the call."),
        _column("recording_url", TEXT, "URL of the recording. Null until it is available."),
        _column("category", TEXT, "Category of the call."),
        _column("number_called", TEXT, "The tracking number that was dialled, in E.164 form."),
        _column("number_id", ID, "Trackdrive's id of the tracking number."),
        _column(
            "connected_to", TEXT, "The number that the call was forwarded to. Null if it was not forwarded."
        ),
        _column("caller_number", TEXT, "The caller's number in E.164 form. Empty if withheld."),
        _name_column("offer", "Display name of the offer. It can be renamed, so group by offer_id."),
        _column("user_offer_id", TEXT, "The account's own label of the offer."),
        _column("offer_id", ID, "Trackdrive's id of the offer."),
        # Text, because accounts choose these labels themselves.
        _column("quality_assurance_user_id", TEXT, "The account's own label of the quality reviewer."),
        _name_column("quality_assurance_name", "Name of the quality reviewer."),
        _column("quality_assurance_id", ID, "Trackdrive's id of the quality review."),
        _column("agent_id", ID, "Trackdrive's id of the agent who took the call."),
        _name_column(
            "traffic_source",
            "Display name of the traffic source. It can be renamed, so group by traffic_source_id.",
        ),
        _column("user_traffic_source_id", TEXT, "The account's own label of the traffic source."),
        _column("traffic_source_id", ID, "Trackdrive's id of the traffic source."),
        _name_column("buyer", "Display name of the buyer. It can be renamed, so group by buyer_id."),
        _column("user_buyer_id", TEXT, "The account's own label of the buyer."),
        _column("buyer_id", ID, "Trackdrive's id of the buyer."),
        _column("obfuscated_caller_number", TEXT, "The caller's number with digits masked."),
        _column("caller_city", TEXT, "City of the caller's number."),
        _column("caller_country", TEXT, "Country of the caller's number."),
        _column("token_values", TEXT, "The call's tags as one text of key:value pairs."),
        _column("total_duration", SECONDS, "Length of the whole call, in seconds."),
        _column("hold_duration", SECONDS, "Time on hold, in seconds."),
        _column("ivr_duration", SECONDS, "Time in the voice menu, in seconds."),
        _column("attempted_duration", SECONDS, "Time spent trying to reach a buyer, in seconds."),
        _column("answered_duration", SECONDS, "Time with the buyer after the answer, in seconds."),
        _column("agent_duration", SECONDS, "Time with an agent, in seconds."),
        _column("sub_id", TEXT, "The traffic source's own label of where the call came from."),
        _column("schedule_id", ID, "Trackdrive's id of the schedule."),
        _name_column("schedule_name", "Name of the schedule."),
        _column("ring_pool_id", ID, "Trackdrive's id of the ring pool."),
        _column(
            "status", TEXT, "The state of the call, or how it ended. Trackdrive adds values without notice."
        ),
        _column(
            "buyer_converted", BOOLEAN, "Whether the call converted for the buyer, who then owes revenue."
        ),
        _column("buyer_repeat_caller", BOOLEAN, "Whether the buyer received a call from this caller before."),
        _column("buyer_revenue", MONEY, "What the buyer owes, in dollars. The legacy name of revenue."),
        _column("revenue", MONEY, "What the buyer owes, in dollars."),
        _column(
            "traffic_source_converted",
            BOOLEAN,
            "Whether the call converted for the traffic source, which is then owed a payout.",
        ),
        _column(
            "traffic_source_repeat_caller",
            BOOLEAN,
            "Whether the traffic source sent a call from this caller before.",
        ),
        _column(
            "traffic_source_payout",
            MONEY,
            "What the traffic source is owed, in dollars. The legacy name of payout.",
        ),
        _column("payout", MONEY, "What the traffic source is owed, in dollars."),
        _column("trackdrive_cost", MONEY, "What Trackdrive charges for the call, in dollars."),
        _column("provider_cost", MONEY, "What the telephony provider charges for the call, in dollars."),
        _column("call_sid", TEXT, "The telephony provider's id of the call."),
        _column("provider", TEXT, "The telephony provider."),
        _column("outgoing_webhooks_count", COUNT, "The number of webhooks that the call triggered."),
        _column("ended_at", INSTANT, "When the call ended. Null while it is live."),
        _column("contact_field_type", TEXT, "Kind of the contact field by which the caller was matched."),
        _column("disposition_id", ID, "Trackdrive's id of the disposition."),
        _column("disposition_key", TEXT, "Key of the disposition."),
        _name_column("disposition_name", "Label of the disposition, such as No Buyer."),
        _column("disposition_notes", TEXT, "Notes on the disposition."),
        _column("hangup_cause", TEXT, "Technical reason why the call ended."),
        _column("hangup_reason", TEXT, "Who hung up. The legacy API's counterpart of hangup_cause."),
        Column("tokens", TOKENS, "The call's tags by name. Null if it has none."),
        Column(
            "extra",
            JSON_TEXT,
            "JSON of all keys that have no column here, and of words in a boolean column that mean neither "
            "true nor false. Null if there are none.",
        ),
        Column("fetched_at", INSTANT, "When the call was fetched from the API."),
    ),
)

REPORTS = Table(
    name="reports",
    description=(
        "One row per group of a day's calls, with the totals of the API's own report by category. "
        "It serves as a comparison: the same totals can be computed from the calls."
    ),
    columns=(
        Column("category", TEXT, "The category by which the report groups calls."),
        _column("group_value", TEXT, "The API's identifier of the group.", "group", "id", "key", "value"),
        Column(
            "group_name",
            TEXT,
            "Display name of the group.",
            sources=("group_name", "name", "label"),
            is_html_escaped=True,
        ),
        _column("calls", COUNT, "The number of calls.", "count", "total_calls", "calls_count", "total"),
        _column(
            "buyer_conversions",
            COUNT,
            "The number of calls that converted for the buyer.",
            "buyer_converted",
            "buyer_converted_count",
            "conversions",
            "converted",
        ),
        # The API's filters call the traffic source's conversion `offer_converted`.
        _column(
            "traffic_source_conversions",
            COUNT,
            "The number of calls that converted for the traffic source.",
            "traffic_source_converted",
            "offer_conversions",
            "offer_converted",
            "offer_converted_count",
        ),
        _column("revenue", MONEY, "What buyers owe, in dollars.", "buyer_revenue", "total_revenue"),
        _column(
            "payout",
            MONEY,
            "What traffic sources are owed, in dollars.",
            "traffic_source_payout",
            "total_payout",
        ),
        Column("cost", MONEY, "What the calls cost, in dollars.", sources=("cost", "total_cost")),
        _column(
            "profit",
            MONEY,
            "Revenue minus payout or cost, as the API computes it, in dollars.",
            "total_profit",
        ),
        _column(
            "average_duration",
            SECONDS,
            "Mean length of a call, in seconds.",
            "avg_duration",
            "average_total_duration",
        ),
        Column("row", JSON_TEXT, "JSON of the row as the API sent it."),
    ),
)

STATS = Table(
    name="stats",
    description=(
        "One row per interval of a day and group, with the numbers of the API's own statistics. "
        "It shows the course of a day without its calls, and serves as a comparison."
    ),
    columns=(
        Column("group_by", TEXT, "The field by which the statistics group calls."),
        Column("interval_start", INSTANT, "First instant of the interval."),
        Column("interval_end", INSTANT, "First instant after the interval."),
        Column("group_value", TEXT, "The group. Null for calls without a value."),
        _column("count", COUNT, "The number of calls."),
        _column("revenue", MONEY, "What buyers owe, in dollars."),
        _column("profit", MONEY, "Revenue minus payout or cost, as the API computes it, in dollars."),
        _column("cost", MONEY, "What the calls cost, in dollars."),
    ),
)

PARTIES = {"buyers": "buyer", "offers": "offer", "traffic_sources": "traffic_source", "numbers": "number"}
"""What each list has, as columns of the calls name it: the ids of `buyers` are those of `buyer_id`."""

REFERENCE = Table(
    name="reference",
    description=(
        "One row per day and buyer, offer, traffic source or tracking number of the account, as it was when "
        "the day's list was last fetched, also those without calls. It has no contacts and no secrets."
    ),
    columns=(
        Column("list_name", TEXT, "The list: buyers, offers, traffic_sources or numbers."),
        _column(
            "id", ID, "Trackdrive's id: the buyer_id, offer_id, traffic_source_id or number_id of the calls."
        ),
        Column(
            "name",
            TEXT,
            "Display name. The API may send it as the name of the company.",
            sources=("name", "company_name"),
            is_html_escaped=True,
        ),
        Column(
            "label",
            TEXT,
            "The account's own label: user_buyer_id, user_offer_id or user_traffic_source_id of the calls.",
            sources=("user_buyer_id", "user_offer_id", "user_traffic_source_id"),
        ),
        Column("is_paused", BOOLEAN, "Whether it takes or sends no calls at present.", sources=("paused",)),
        _column("bid_price", MONEY, "What the buyer bids for a call, in dollars."),
        _column("time_zone", TEXT, "The buyer's time zone, as Trackdrive names it."),
        Column("number_called", TEXT, "The tracking number, in E.164 form.", sources=("number",)),
        _column("offer_id", ID, "Trackdrive's id of the tracking number's offer."),
        _column("traffic_source_id", ID, "Trackdrive's id of the tracking number's traffic source."),
        _column("ring_pool_id", ID, "Trackdrive's id of the tracking number's ring pool."),
        _column("country", TEXT, "The country of the tracking number."),
        _column("created_at", INSTANT, "When it was created."),
        _column("updated_at", INSTANT, "When it was last changed."),
        _column("last_call_at", INSTANT, "When it last had a call."),
        Column(
            "limits",
            JSON_TEXT,
            "JSON of its caps, their use and its counts: the keys that end in _cap, _limit, _used or _count "
            "and have a number. Null if there are none.",
        ),
        Column("fetched_at", INSTANT, "When the list was fetched from the API."),
    ),
)

CALL_CHANGES = Table(
    name="call_changes",
    description=(
        "One row per field of a call that had changed when the call's day was fetched again: "
        "conversions that were gained or reversed, revenue that changed, and calls that appeared or "
        "disappeared."
    ),
    columns=(
        Column("uuid", TEXT, "The call that changed."),
        Column("created_at", INSTANT, "When that call started."),
        Column("field", TEXT, "The column that changed."),
        Column("old_value", TEXT, "The previous value, as text."),
        Column("new_value", TEXT, "The new value, as text."),
        Column("detected_at", INSTANT, "When the change was detected."),
    ),
)


def _group_column(name: str) -> Column:
    """Return a column by which the totals group calls. It has the description that it has in calls."""
    (column,) = (column for column in CALLS.columns if column.name == name)
    return replace(column, sources=())


def _columns_of_party(party: str) -> tuple[Column, ...]:
    """Return the columns that identify a buyer, an offer or a traffic source in the totals."""
    key = Column(
        f"{party}_key",
        TEXT,
        f"Identifies the {party.replace('_', ' ')}: {party}_id as text. The legacy API sends no id; there it "
        "is the account's own label, or else the name. Null without any of them.",
    )
    return (*map(_group_column, (f"{party}_id", f"user_{party}_id", party)), key)


CALL_TOTALS = Table(
    name="call_totals",
    description=(
        "One row per group of a day's calls, with their sums: by status, buyer, offer and traffic source, "
        "by quarter of an hour, and by state. Every call is in one group of each kind, so filter by group_by."
    ),
    columns=(
        Column(
            "group_by",
            TEXT,
            "What the calls of a row have in common: party (status, buyer, offer and traffic source), "
            "quarter_hour or state. The columns of the other kinds are null.",
        ),
        Column("interval_start", INSTANT, "First instant of the quarter of an hour."),
        _group_column("status"),
        *(column for name in ("buyer", "offer", "traffic_source") for column in _columns_of_party(name)),
        Column(
            "state",
            TEXT,
            "The caller's state as the tags have it, such as CO or us-co: the tag state, or else geo_state. "
            "Null without both. The view state_performance has one form of it.",
        ),
        Column("fetched_at", INSTANT, "When the calls of the day were last fetched."),
        Column("last_call_at", INSTANT, "When the last of the calls started."),
        Column("calls", COUNT, "The number of calls."),
        Column("connected", COUNT, "The number of calls that were put through to a buyer's number."),
        Column("converted", COUNT, "The number of calls that the buyer owes for. Null if none has the flag."),
        Column(
            "traffic_source_conversions",
            COUNT,
            "The number of calls that the traffic source is owed for. Null if none has the flag.",
        ),
        Column("repeat_calls", COUNT, "The number of repeat calls. Null if no call has either flag."),
        Column("no_buyer", COUNT, "The number of calls without a buyer to take them."),
        Column("revenue_owed", SUM_OF_MONEY, "What buyers owe, in dollars. Null if no call has an amount."),
        Column(
            "payout_owed",
            SUM_OF_MONEY,
            "What traffic sources are owed, in dollars. Null if no call has an amount.",
        ),
        Column(
            "trackdrive_cost",
            SUM_OF_MONEY,
            "What Trackdrive charges for the calls, in dollars. Null if no call has a cost.",
        ),
        Column(
            "provider_cost",
            SUM_OF_MONEY,
            "What the telephony provider charges for the calls, in dollars. Null if no call has a cost.",
        ),
        Column(
            "handle_time",
            SECONDS,
            "Talk time of all calls, in seconds; the length of a call where its talk time is unknown.",
        ),
        Column("handled", COUNT, "The number of calls whose talk time or length is known."),
        Column("answered_time", SECONDS, "Talk time of the answered calls, in seconds."),
        Column("answered", COUNT, "The number of calls that the buyer answered."),
        Column(
            "unanswered",
            COUNT,
            "The number of calls that ended with a talk time of 0 and that no agent answered.",
        ),
        Column(
            "unconnected",
            COUNT,
            "The number of calls that ended, whose talk time is unknown, and that reached no buyer and no "
            "agent. They are missed too, if other calls of the day have a buyer's number.",
        ),
    ),
)

TABLES = (CALLS, REPORTS, STATS, REFERENCE, CALL_CHANGES, CALL_TOTALS)
COLUMN_DESCRIPTIONS = {table.name: table.column_descriptions for table in TABLES}
DESCRIPTIONS = {table.name: table.description for table in TABLES}

CALL_KEYS = frozenset(key for column in CALLS.columns for key in column.sources)
"""The documented keys of a call. Tags, whose keys begin with `token-`, are not among them."""


@cache
def schemas() -> Mapping[str, pa.Schema]:
    """Return the Arrow schema of each table."""
    return {table.name: table.schema for table in TABLES}
