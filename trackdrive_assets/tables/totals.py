"""The sums of a day's calls, in the columns of `CALL_TOTALS`.

The query `lake/sql/tables/call_totals.sql` has the same sums, for days whose file is missing. Arrow needs a
fifth of DuckDB's time for a small day, and a backfill has hundreds of them.
"""

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.tables.arrow_types import INSTANT, TEXT
from trackdrive_assets.tables.columns import CALL_TOTALS
from trackdrive_assets.tables.type_parsers import Values

PARTY, QUARTER_HOUR, STATE = "party", "quarter_hour", "state"
"""The values of `group_by`."""

_QUARTER_HOUR = 15 * 60 * 1_000_000
_PARTIES = ("buyer", "offer", "traffic_source")
_GROUPS = {
    PARTY: ("status", *(name for p in _PARTIES for name in (f"{p}_id", f"user_{p}_id", p))),
    QUARTER_HOUR: ("interval_start",),
    STATE: ("state",),
}
_STATE_TAGS = ("state", "geo_state")
_TAG_LIST = pa.list_(pa.struct({"key": TEXT, "value": TEXT}))
_FETCHED, _LATEST = "fetched_at", "last_call_at"
_NAMES = CALL_TOTALS.schema.names
_SUMS = _NAMES[_NAMES.index(_LATEST) + 1 :]


def call_totals(calls: pa.Table) -> pa.Table:
    """Return the sums of calls. `sum_totals` adds the sums of several parts of a day."""
    single = _totals_of_each(calls)
    return pa.concat_tables([_sum(single, group_by) for group_by in _GROUPS])


def sum_totals(parts: Sequence[pa.Table], fetched_at: datetime | None = None) -> pa.Table:
    """Return the sums of parts of a day together, with the time of the day's last fetch."""
    totals = parts[0] if len(parts) == 1 else _sum_parts(parts)
    position = totals.schema.get_field_index(_FETCHED)
    times = pa.repeat(pa.scalar(fetched_at, INSTANT), len(totals))
    return totals.set_column(position, totals.schema.field(position), times)


def _sum_parts(parts: Sequence[pa.Table]) -> pa.Table:
    totals = pa.concat_tables([CALL_TOTALS.schema.empty_table(), *parts])
    return pa.concat_tables(
        [_sum(totals.filter(pc.equal(totals["group_by"], group_by)), group_by) for group_by in _GROUPS]
    )


def _sum(rows: pa.Table, group_by: str) -> pa.Table:
    """Return the sums of the rows of each group. A sum without a value is null."""
    keys = _GROUPS[group_by]
    groups = rows.group_by(keys, use_threads=False).aggregate(
        [(_LATEST, "max"), *((name, "sum") for name in _SUMS)]
    )
    columns = {name.removesuffix("_sum").removesuffix("_max"): groups[name] for name in groups.column_names}
    columns["group_by"] = pa.repeat(pa.scalar(group_by, TEXT), len(groups))
    if group_by == PARTY:
        columns |= {f"{party}_key": _key(groups, party) for party in _PARTIES}
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(len(groups), field.type)
        for field in CALL_TOTALS.schema
    ]
    return pa.Table.from_arrays(arrays, schema=CALL_TOTALS.schema)


def _key(groups: pa.Table, party: str) -> Values:
    """Return what identifies a party: its id as text, or else its label or its name."""
    texts = [groups[f"user_{party}_id"], groups[party]]
    return pc.coalesce(groups[f"{party}_id"].cast(TEXT), *map(_without_empty, texts))


def _without_empty(texts: Values) -> Values:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, TEXT), texts)


def _totals_of_each(calls: pa.Table) -> pa.Table:
    """Return a row for each call, with its groups and with the numbers that are summed."""
    created_at, answered_duration = calls["created_at"], calls["answered_duration"]
    answered = pc.greater(answered_duration, 0.0)
    missed, has_talk_time = _is_missed(calls), pc.is_valid(answered_duration)
    handle_time = pc.coalesce(answered_duration, calls["total_duration"])
    quarters = pc.multiply(pc.divide(created_at.cast(pa.int64()), _QUARTER_HOUR), _QUARTER_HOUR)
    return pa.table(
        {name: calls[name] for name in _GROUPS[PARTY]}
        | {
            "interval_start": quarters.cast(INSTANT),
            "state": _state(calls),
            _LATEST: created_at,
            "calls": pa.repeat(pa.scalar(1, pa.int64()), len(calls)),
            "connected": _count(pc.not_equal(calls["connected_to"], "")),
            "converted": calls["buyer_converted"].cast(pa.int64()),
            "traffic_source_conversions": calls["traffic_source_converted"].cast(pa.int64()),
            "repeat_calls": _is_repeat(calls).cast(pa.int64()),
            "no_buyer": _count(
                pc.or_kleene(
                    pc.starts_with(calls["status"], "no-buyer"),
                    pc.equal(calls["disposition_name"], "No Buyer"),
                )
            ),
            "revenue_owed": pc.coalesce(calls["revenue"], calls["buyer_revenue"]),
            "payout_owed": pc.coalesce(calls["payout"], calls["traffic_source_payout"]),
            "trackdrive_cost": calls["trackdrive_cost"],
            "provider_cost": calls["provider_cost"],
            "handle_time": handle_time,
            "handled": _count(pc.is_valid(handle_time)),
            "answered_time": pc.if_else(answered, answered_duration, None),
            "answered": _count(answered),
            "unanswered": _count(pc.and_(missed, has_talk_time)),
            "unconnected": _count(pc.and_not(missed, has_talk_time)),
        }
    )


def _is_missed(calls: pa.Table) -> Values:
    """Return whether each call ended, and neither a buyer nor an agent answered."""
    ended = pc.or_(pc.is_valid(calls["ended_at"]), pc.is_valid(calls["total_duration"]))
    without_agent = pc.equal(pc.fill_null(calls["agent_duration"], 0.0), 0.0)
    without_number = pc.equal(pc.fill_null(calls["connected_to"], ""), "")
    unanswered = pc.coalesce(pc.equal(calls["answered_duration"], 0.0), without_number)
    return pc.and_(ended, pc.and_(without_agent, unanswered))


def _state(calls: pa.Table) -> Values:
    """Return what the tags of each call name as the caller's state."""
    tags = calls["tokens"].combine_chunks()
    # The legacy API has all tags in one text, and nothing else.
    text = pc.if_else(pc.is_valid(tags), pa.scalar(None, TEXT), calls["token_values"])
    matches = [pc.extract_regex(text, rf"(?:^|,)\s*{tag}:(?P<value>[^,]*)") for tag in _STATE_TAGS]
    texts = [pc.struct_field(match, "value") for match in matches]
    return pc.coalesce(*map(_without_empty, [*_values_of_tags(tags), *texts]))


def _values_of_tags(tags: pa.MapArray) -> list[Values]:
    """Return the value of each tag of a state. `pc.map_lookup` needs nine times as long."""
    lists = tags.cast(_TAG_LIST)
    positions = pc.list_parent_indices(lists)
    keys, values = pc.list_flatten(lists).flatten()
    found = [pc.equal(keys, tag) for tag in _STATE_TAGS]
    return [
        pc.scatter(values.filter(is_tag), positions.filter(is_tag), max_index=len(tags) - 1)
        for is_tag in found
    ]


def _count(flags: Values) -> Values:
    """Return 1 for each true value, and 0 for each that is false or null."""
    return pc.fill_null(flags, fill_value=False).cast(pa.int64())


def _is_repeat(calls: pa.Table) -> Values:
    """Return whether the buyer or the traffic source had the caller before. Null without either flag."""
    buyer, source = calls["buyer_repeat_caller"], calls["traffic_source_repeat_caller"]
    return pc.coalesce(pc.or_kleene(buyer, source), buyer, source)
