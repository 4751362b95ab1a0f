"""The lists of values in the documentation of the calls API.

There are two documentations: that of the legacy API (36 columns, 16 report categories) and today's. An open
list is known to be incomplete: other values are sent too, with a warning. A closed list is complete: another
value is an error before any request.

Which endpoint accepts which parameter is in `query.py`. The columns of tables are in `tables/columns.py`.
"""


def _listed(names: str) -> tuple[str, ...]:
    return tuple(" ".join(name.split()) for name in names.split(","))


LEGACY_CALL_COLUMNS = _listed("""
    uuid, recording_url, number_called, connected_to, caller_number, offer, traffic_source, buyer,
    obfuscated_caller_number, caller_city, caller_country, token_values, total_duration, hold_duration,
    ivr_duration, answered_duration, user_offer_id, user_traffic_source_id, user_buyer_id, sub_id,
    ring_pool_id, status, buyer_converted, buyer_repeat_caller, buyer_revenue, traffic_source_converted,
    traffic_source_repeat_caller, traffic_source_payout, trackdrive_cost, provider_cost, hangup_reason,
    call_sid, provider, outgoing_webhooks_count, created_at, ended_at
""")
"""Columns of a call in the legacy API. Open: today's API has more."""

CALL_COLUMNS = _listed("""
    id, legacy_id, type, uuid, created_at, updated_at, deleted_at, user_updated_at, routes_show_path,
    routes_edit_path, external_record_id, name, recording_url, category, number_called, number_id,
    connected_to, caller_number, offer, user_offer_id, offer_id, quality_assurance_user_id,
    quality_assurance_name, quality_assurance_id, agent_id, traffic_source, user_traffic_source_id,
    traffic_source_id, buyer, user_buyer_id, buyer_id, obfuscated_caller_number, caller_city,
    caller_country, token_values, total_duration, hold_duration, ivr_duration, attempted_duration,
    answered_duration, agent_duration, sub_id, schedule_id, schedule_name, ring_pool_id, status,
    buyer_converted, buyer_repeat_caller, buyer_revenue, revenue, traffic_source_converted,
    traffic_source_repeat_caller, traffic_source_payout, payout, trackdrive_cost, provider_cost, call_sid,
    provider, outgoing_webhooks_count, ended_at, contact_field_type, disposition_id, disposition_key,
    disposition_name, disposition_notes, hangup_cause
""")
"""Columns of a call in today's documentation, in the order of the API's responses."""

KNOWN_CALL_COLUMNS = (*CALL_COLUMNS, *(name for name in LEGACY_CALL_COLUMNS if name not in CALL_COLUMNS))
"""Columns of either documentation. Of the legacy columns, only `hangup_reason` is missing today."""

REPORT_CATEGORIES = _listed("""
    buyer_id, offer_id, traffic_source_id, number_id, status, direction, sub_status,
    provider_configuration_id, contact_id, placed_on_hold, ring_pool_id, contact_state, contact_country,
    buyer_converted, offer_converted, in_progress
""")
"""Categories of `/calls/reports`. Open: today's API accepts any text."""

STATS = (
    "count",
    "revenue",
    "profit",
    "cost",
)
"""Statistics of `/calls/stats`, one per request. Closed."""

LEGACY_GROUP_BYS = (
    "buyer_converted",
    "offer_converted",
    "status",
)
"""Groupings of `/calls/stats` in both documentations."""

GROUP_BYS = (
    *LEGACY_GROUP_BYS,
    "created_at_five_minutes",
    "created_at_day",
    "created_at_week",
    "created_at_month",
)
"""Groupings of `/calls/stats` today. Closed."""

REFERENCE_LISTS = {
    "buyers": "buyers",
    "offers": "offers",
    "traffic_sources": "traffic_sources",
    "numbers": "phone_numbers",
}
"""The path of each reference list: the parties and the tracking numbers of an account. Closed."""

REFERENCE_PARAMETERS = {"offers": {"serializer": "offer_grid"}}
"""The parameters of reference lists. The known client of `/offers` needs this form."""

STATUSES = _listed("""
    forwarded, finished, on-hold, no-answer, no-buyer, no-buyer-all-maxed-out, no-buyer-all-filtered,
    no-buyer-prevent-dupes, not-open, caller-hung-up, rejected, rejected-traffic-source-capped-hang-up,
    rejected-no-concurrency-cap-available, rejected-caller-concurrency-exceeded,
    rejected-average-hold-time-exceeded, blocked, failed, hold-queue-waited-too-long
""")
"""Statuses in the legacy documentation. Open: other statuses occur."""

ORDER_FIELDS = _listed("""
    direction, number_id, offer_id, traffic_source_id, sub_id, buyer_id, caller_number, updated_at,
    total_duration, hold_duration, ivr_duration, cost, charge, answered_duration, status, sub_status,
    buyer_converted, revenue, offer_converted, payout, outgoing_webhooks_count, created_at, end_time,
    lead_id, start_app_duration, third_party_cost, charge_total, agent_duration
""")
"""Sort fields in either documentation. Closed: the server silently ignores a wrong name."""

ORDER_DIRECTIONS = ("desc", "asc")
"""Sort directions. Closed."""

TIME_ZONES = _listed("""
    Etc/UTC, UTC, SST, HST, AKST, PST, MST, CST, EST, COT, PET, AST, VET, BOT, CLST, NST, BRST, ART, UYT,
    GYT, WGT, GST, AZOT, CVT, GMT, WET, CET, EET, MSK, IST, CAT, SAST, EAT, IRST, AZT, GET, AMT, AFT,
    YEKT, PKT, UZT, NPT, BDT, NOVT, MMT, ICT, WIB, KRAT, HKT, XJT, MYT, SGT, AWST, IRKT, ULAT, KST, JST,
    YAKT, ACST, ACDT, AEDT, AEST, VLAT, ChST, PGT, MAGT, SBT, NCT, FJST, PETT, MHT, NZDT, TOT, TKT, CHADT,
    WSDT
""")
"""Time zones in the legacy documentation. Open: today's API accepts every valid zone."""

SERIALIZERS = ("call", "call_grid")
"""Forms of a call in today's documentation. Closed."""

CREATED_AT_LABELS = _listed("""
    Last 5 Min, Last 15 Min, Last 30 Min, Last Hour, Last 4 Hours, Last 6 Hours, Last 12 Hours, Last Day,
    Last 2 Days, Today, Yesterday, This Week, Last Week, This Month, Last Month, This Quarter, Last
    Quarter, Last 6 Months, This Year, Last Year, Lifetime, Custom Range
""")
"""Named date ranges of today's documentation. Closed."""
