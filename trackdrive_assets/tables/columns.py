"""The columns of every table: name, type, meaning, and the API's keys that may hold the value.

Schemas, documentation, checks and the metadata in Dagster's UI all come from these lists. How a value is read
is in `parse`; where a table lies on disk is the lake's affair.
"""

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 6)
SECONDS = pa.float64()
FLAG = pa.bool_()
ID = pa.int64()
COUNT = pa.int64()
TEXT = pa.string()
JSON_TEXT = pa.string()
TOKENS = pa.map_(pa.string(), pa.string())
DAY = pa.date32()


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: As the analyst types it.
        type: Arrow type of the values.
        meaning: A plain sentence, with the unit where there is one.
        sources: Keys of an API row that may hold the value, best first. Empty for what this package adds.
        escaped: Whether the API sends the text HTML-escaped (`Auto &amp; Home`).
    """

    name: str
    type: pa.DataType
    meaning: str
    sources: tuple[str, ...] = ()
    escaped: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    Attributes:
        name: Of the folder and of the view.
        description: What a row is, and what the table is for, in two sentences.
        columns: What a file holds, in order.
        hive: What the folders hold instead (`date=2024-06-19`), outermost first.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    hive: tuple[Column, ...]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a file, without the hive columns. Every field may be null."""
        return pa.schema([(column.name, column.type) for column in self.columns])

    @property
    def meanings(self) -> dict[str, str]:
        """What each column means, hive columns included, by name."""
        return {column.name: column.meaning for column in (*self.columns, *self.hive)}


def _sent(name: str, kind: pa.DataType, meaning: str) -> Column:
    """A column that the API sends under the same name."""
    return Column(name, kind, meaning, sources=(name,))


def _label(name: str, meaning: str) -> Column:
    """A name that somebody typed into Trackdrive, which the API sends HTML-escaped."""
    return Column(name, TEXT, meaning, sources=(name,), escaped=True)


_DATE = Column("date", DAY, "The partition's day, in the account's time zone.")

CALLS = Table(
    name="calls",
    description=(
        "A row is one phone call, as the API showed it when its day was last read. "
        "Every number of the other views is computed from these; calls of the last weeks still change."
    ),
    hive=(_DATE,),
    columns=(
        _sent("id", ID, "Trackdrive's number of the call."),
        _sent("legacy_id", TEXT, "Number of the call in an older Trackdrive system."),
        _sent("type", TEXT, "Kind of record."),
        _sent("uuid", TEXT, "The call's unique identifier, the same in every export."),
        _sent("created_at", INSTANT, "When the call started."),
        _sent("updated_at", INSTANT, "When Trackdrive last changed the record."),
        _sent("deleted_at", INSTANT, "When the record was deleted, null while it is not."),
        _sent("user_updated_at", INSTANT, "When a person last changed the record."),
        _sent("routes_show_path", TEXT, "Path of the call's page in Trackdrive."),
        _sent("routes_edit_path", TEXT, "Path of the call's edit page in Trackdrive."),
        _sent("external_record_id", TEXT, "The call's id in another system."),
        _label("name", "Display name of the call."),
        _sent("recording_url", TEXT, "Address of the recording, null until there is one."),
        _sent("category", TEXT, "Category of the call."),
        _sent("number_called", TEXT, "The tracking number that was dialled, in E.164 form."),
        _sent("number_id", ID, "Trackdrive's id of the tracking number."),
        _sent("connected_to", TEXT, "The number the call was forwarded to, null when it never was."),
        _sent("caller_number", TEXT, "The caller's number in E.164 form, empty when withheld."),
        _label("offer", "Display name of the offer. Can be renamed: group by offer_id."),
        _sent("user_offer_id", TEXT, "The account's own label of the offer."),
        _sent("offer_id", ID, "Trackdrive's id of the offer."),
        # Text, like every other id that an account gives itself.
        _sent("quality_assurance_user_id", TEXT, "The account's own label of the quality reviewer."),
        _label("quality_assurance_name", "Name of the quality reviewer."),
        _sent("quality_assurance_id", ID, "Trackdrive's id of the quality review."),
        _sent("agent_id", ID, "Trackdrive's id of the agent who took the call."),
        _label(
            "traffic_source",
            "Display name of the traffic source. Can be renamed: group by traffic_source_id.",
        ),
        _sent("user_traffic_source_id", TEXT, "The account's own label of the traffic source."),
        _sent("traffic_source_id", ID, "Trackdrive's id of the traffic source."),
        _label("buyer", "Display name of the buyer. Can be renamed: group by buyer_id."),
        _sent("user_buyer_id", TEXT, "The account's own label of the buyer."),
        _sent("buyer_id", ID, "Trackdrive's id of the buyer."),
        _sent("obfuscated_caller_number", TEXT, "The caller's number with digits masked."),
        _sent("caller_city", TEXT, "City of the caller's number."),
        _sent("caller_country", TEXT, "Country of the caller's number."),
        _sent("token_values", TEXT, "The call's tags as one text of key:value pairs."),
        _sent("total_duration", SECONDS, "Length of the whole call, in seconds."),
        _sent("hold_duration", SECONDS, "Time on hold, in seconds."),
        _sent("ivr_duration", SECONDS, "Time in the voice menu, in seconds."),
        _sent("attempted_duration", SECONDS, "Time spent trying to reach a buyer, in seconds."),
        _sent("answered_duration", SECONDS, "Time with the buyer after the answer, in seconds."),
        _sent("agent_duration", SECONDS, "Time with an agent, in seconds."),
        _sent("sub_id", TEXT, "The traffic source's own label of where the call came from."),
        _sent("schedule_id", ID, "Trackdrive's id of the schedule."),
        _label("schedule_name", "Name of the schedule."),
        _sent("ring_pool_id", ID, "Trackdrive's id of the ring pool."),
        _sent("status", TEXT, "Where the call is, or how it ended. New values appear without notice."),
        _sent("buyer_converted", FLAG, "Whether the buyer owes for the call."),
        _sent("buyer_repeat_caller", FLAG, "Whether the buyer has had this caller before."),
        _sent("buyer_revenue", MONEY, "What the buyer owes, in dollars. The older name of revenue."),
        _sent("revenue", MONEY, "What the buyer owes, in dollars."),
        _sent("traffic_source_converted", FLAG, "Whether the traffic source is owed for the call."),
        _sent(
            "traffic_source_repeat_caller", FLAG, "Whether the traffic source has sent this caller before."
        ),
        _sent(
            "traffic_source_payout",
            MONEY,
            "What the traffic source is owed, in dollars. The older name of payout.",
        ),
        _sent("payout", MONEY, "What the traffic source is owed, in dollars."),
        _sent("trackdrive_cost", MONEY, "What Trackdrive charges for the call, in dollars."),
        _sent("provider_cost", MONEY, "What the telephony provider charges for the call, in dollars."),
        _sent("call_sid", TEXT, "The telephony provider's id of the call."),
        _sent("provider", TEXT, "The telephony provider."),
        _sent("outgoing_webhooks_count", COUNT, "How many webhooks the call fired."),
        _sent("ended_at", INSTANT, "When the call ended, null while it is live."),
        _sent("contact_field_type", TEXT, "Kind of contact field the caller was matched by."),
        _sent("disposition_id", ID, "Trackdrive's id of the disposition."),
        _sent("disposition_key", TEXT, "Key of the disposition."),
        _label("disposition_name", "Label of the disposition, such as No Buyer."),
        _sent("disposition_notes", TEXT, "Notes left with the disposition."),
        _sent("hangup_cause", TEXT, "Why the line was closed."),
        _sent("hangup_reason", TEXT, "Who hung up. The older name of hangup_cause."),
        Column("tokens", TOKENS, "The call's tags by name, null when none came."),
        Column(
            "extra", JSON_TEXT, "JSON of every field this package has no column for, null when none came."
        ),
        Column("fetched_at", INSTANT, "When the call was read from the API."),
    ),
)

REPORTS = Table(
    name="reports",
    description=(
        "A row is one group of a day's calls as the API's own report sums it up, by category. "
        "It is there to compare with: the calls themselves say the same, and more."
    ),
    hive=(Column("category", TEXT, "What the report groups calls by."), _DATE),
    columns=(
        Column(
            "group_value",
            TEXT,
            "The group, as the API identifies it.",
            sources=("group_value", "group", "id", "key", "value"),
        ),
        Column(
            "group_name",
            TEXT,
            "Display name of the group.",
            sources=("group_name", "name", "label"),
            escaped=True,
        ),
        Column(
            "calls",
            COUNT,
            "How many calls.",
            sources=("calls", "count", "total_calls", "calls_count", "total"),
        ),
        Column(
            "buyer_conversions",
            COUNT,
            "How many calls the buyer owes for.",
            sources=(
                "buyer_conversions",
                "buyer_converted",
                "buyer_converted_count",
                "conversions",
                "converted",
            ),
        ),
        Column(
            "traffic_source_conversions",
            COUNT,
            "How many calls the traffic source is owed for.",
            # Where the API filters, it calls the traffic source's conversion `offer_converted`.
            sources=(
                "traffic_source_conversions",
                "traffic_source_converted",
                "offer_conversions",
                "offer_converted",
                "offer_converted_count",
            ),
        ),
        Column(
            "revenue",
            MONEY,
            "What buyers owe, in dollars.",
            sources=("revenue", "buyer_revenue", "total_revenue"),
        ),
        Column(
            "payout",
            MONEY,
            "What traffic sources are owed, in dollars.",
            sources=("payout", "traffic_source_payout", "total_payout"),
        ),
        Column("cost", MONEY, "What the calls cost, in dollars.", sources=("cost", "total_cost")),
        Column("profit", MONEY, "What is left, in dollars.", sources=("profit", "total_profit")),
        Column(
            "average_duration",
            SECONDS,
            "Mean length of a call, in seconds.",
            sources=("average_duration", "avg_duration", "average_total_duration"),
        ),
        Column("row", JSON_TEXT, "JSON of the row as the API sent it."),
    ),
)

STATS = Table(
    name="stats",
    description=(
        "A row is one group of the calls of an interval of a day, as the API itself counts them. "
        "It shows a day's course without reading its calls, and is what they are compared with."
    ),
    hive=(Column("group_by", TEXT, "What the series groups calls by."), _DATE),
    columns=(
        Column("interval_start", INSTANT, "First instant of the interval."),
        Column("interval_end", INSTANT, "First instant after the interval."),
        Column("group_value", TEXT, "The group, null for calls without a value."),
        Column("count", COUNT, "How many calls.", sources=("count",)),
        Column("revenue", MONEY, "What buyers owe, in dollars.", sources=("revenue",)),
        Column("profit", MONEY, "What is left, in dollars.", sources=("profit",)),
        Column("cost", MONEY, "What the calls cost, in dollars.", sources=("cost",)),
    ),
)

CALL_CHANGES = Table(
    name="call_changes",
    description=(
        "A row is one field of one call that was different when the call's day was read again. "
        "It tells of conversions that came or were taken back, revenue that moved, and calls that appeared "
        "or vanished."
    ),
    hive=(_DATE,),
    columns=(
        Column("uuid", TEXT, "The call that changed."),
        Column("created_at", INSTANT, "When that call started."),
        Column("field", TEXT, "The column that changed."),
        Column("old_value", TEXT, "The value stored before, as text."),
        Column("new_value", TEXT, "The value read now, as text."),
        Column("detected_at", INSTANT, "When the change was noticed."),
    ),
)

TABLES = (CALLS, REPORTS, STATS, CALL_CHANGES)
SCHEMAS = {table.name: table.schema for table in TABLES}
MEANINGS = {table.name: table.meanings for table in TABLES}
DESCRIPTIONS = {table.name: table.description for table in TABLES}
