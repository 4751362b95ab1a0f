"""Which calls a request is for: the filters of the current and of the legacy documentation.

Undocumented parameters are ignored, as the real server does. Not here: pages, columns and order
(`serializers.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from trackdrive_assets.sandbox.call import Record
from trackdrive_assets.sandbox.parameters import (
    FOREVER,
    InvalidParameter,
    parse_date,
    parse_flag,
    parse_label,
    parse_zone,
)
from trackdrive_assets.sandbox.simulation import LONGEST_CALL
from trackdrive_assets.sandbox.times import timestamp

_FLAGS = (
    "offer_repeat_caller", "buyer_repeat_caller", "buyer_converted", "offer_converted", "either_converted",
    "in_progress", "placed_on_hold", "has_recording", "buyer_conversion_duplicated_call",
    "offer_conversion_duplicated_call", "no_buyer",
)  # fmt: skip
# A filter with "offer" in its name is about the traffic source.
_FLAG_FIELDS = {
    "offer_repeat_caller": "traffic_source_repeat_caller",
    "offer_converted": "traffic_source_converted",
    "has_recording": "recording_url",
}
_NUMBERS = (
    "buyer_id", "contact_id", "id", "number_id", "offer_id", "provider_configuration_id", "ring_pool_id",
    "schedule_id", "traffic_source_id",
)  # fmt: skip
_TEXTS = ("status", "buyer_group_ids", "token_key", "token_value", "fulltext", "ended_at_from", "ended_at_to")


@dataclass(frozen=True)
class Criteria:
    """The range of `created_at` and the other filters of a request, as a key of a cache."""

    start: int = 0
    end: int = FOREVER
    filters: tuple[tuple[str, str], ...] = ()

    def matches(self, record: Record) -> bool:
        """Return whether a call that was created in [start, end) passes every filter."""
        return all(_matches(record, name, value) for name, value in self.filters)


def parse_criteria(
    params: Mapping[str, str], now: datetime, *, inclusive_end: bool, whole_seconds: bool = False
) -> Criteria:
    """Parse the filters of a request. The ranges of `created_at_label` are relative to `now`.

    Calls have whole milliseconds. So a range that ends inside a millisecond contains its call in any case.
    """
    zone = parse_zone(params.get("time_zone", "Etc/UTC"))
    start, end = parse_label(params.get("created_at_label"), now.astimezone(zone))
    if "created_at_from" in params:
        since, is_later = parse_date(params, "created_at_from", zone, whole_seconds=whole_seconds)
        start = max(start, since + is_later)
    if "created_at_to" in params:
        until, is_later = parse_date(params, "created_at_to", zone, whole_seconds=whole_seconds)
        end = min(end, until + (inclusive_end or is_later))
    filters = []
    for name in (*_FLAGS, *_NUMBERS, *_TEXTS):
        if name not in params:
            continue
        if name == "ended_at_from":
            since, _ = parse_date(params, name, zone)
            start = max(start, since - LONGEST_CALL)
            filters.append((name, timestamp(since)))
        elif name == "ended_at_to":
            until, _ = parse_date(params, name, zone)
            end = min(end, until + 1)
            filters.append((name, timestamp(until + inclusive_end)))
        else:
            filters.append((name, _normalize(name, params[name])))
    return Criteria(start, end, tuple(filters))


def _normalize(name: str, text: str) -> str:
    if name in _FLAGS:
        return "true" if parse_flag(name, text) else "false"
    if name in _NUMBERS and not re.fullmatch(r"\d+", text.strip()):
        raise InvalidParameter(name, "Must be a decimal number.")
    return text.strip()


def _matches(record: Record, name: str, value: str) -> bool:
    if name in _FLAGS:
        return _flag(record, name) == (value == "true")
    if name in _NUMBERS:
        return record[name] is not None and str(record[name]) == str(int(value))
    ended_at = record["ended_at"]
    # Timestamps of one format and one offset compare as text.
    if name == "ended_at_from":
        return ended_at is not None and ended_at >= value
    if name == "ended_at_to":
        return ended_at is not None and ended_at < value
    return _matches_text(record, name, value)


def _matches_text(record: Record, name: str, value: str) -> bool:
    match name:
        case "buyer_group_ids":
            return str(record["buyer_group_ids"]) in re.split(r"\s*,\s*", value)
        case "token_key":
            return _has_token(record, value)
        case "token_value":
            return _has_token_value(record, value)
        case "fulltext":
            return any(isinstance(each, str) and value.lower() in each.lower() for each in record.values())
        case _:
            return str(record[name]) == value


def _flag(record: Record, name: str) -> bool:
    match name:
        case "either_converted":
            return bool(record["buyer_converted"] or record["traffic_source_converted"])
        case "in_progress":
            return record["ended_at"] is None
        case "no_buyer":
            return record["buyer_id"] is None
        case _:
            return bool(record[_FLAG_FIELDS.get(name, name)])


def _has_token(record: Record, text: str) -> bool:
    """Return whether a call has the token `state`, or `state:CO` as the documentation writes it."""
    key, _, value = text.partition(":")
    return f"token-{key}" in record and (not value or record[f"token-{key}"] == value)


def _has_token_value(record: Record, text: str) -> bool:
    """Return whether any token has the value `CO`, or the token `state` does for `state:CO`."""
    key, colon, value = text.partition(":")
    has_pair = bool(colon) and record.get(f"token-{key}") == value
    return has_pair or any(record[name] == text for name in record if name.startswith("token-"))
