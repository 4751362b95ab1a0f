"""The queries of the page on the views of the lake."""

VIEWS_OF_DAYS = (
    "daily_summary",
    "hourly_volume",
    "missed_calls",
    "buyer_performance",
    "traffic_source_performance",
    "offer_performance",
    "reconciliation",
    "fetch_log",
)
VIEWS_OF_HISTORY = ("conversion_lag", "period_comparison")
VIEWS_AROUND = ("buyer_statements", "traffic_source_statements", "daily_summary", "fetch_log")
VIEWS_OF_PAGE = sorted({*VIEWS_OF_DAYS, *VIEWS_OF_HISTORY, *VIEWS_AROUND})
"""The views that the page reads: over its own days, over earlier ones too, and over the days around it."""

MAX_GROUPS = 20
"""The number of buyers, traffic sources or offers with a row of their own."""

MAX_DIFFERENCES = 50
"""The number of differences between the calls and the API's totals that the page lists."""

_COUNTS = ("calls", "connected", "missed", "converted")
_AMOUNTS = ("revenue", "payout", "profit", "cost")

# A sum with an unknown part is unknown.
SUMS = ", ".join(
    f"CASE WHEN count({name}) = count(*) THEN CAST(sum({name}) AS {kind}) END AS {name}"
    for names, kind in ((_COUNTS, "BIGINT"), (_AMOUNTS, "DECIMAL(38, 6)"))
    for name in names
)

DAYS = f"SELECT date, {', '.join((*_COUNTS, *_AMOUNTS))} FROM daily_summary"  # noqa: S608  constants

HOURS = f"SELECT hour, {SUMS} FROM hourly_volume GROUP BY hour ORDER BY hour"  # noqa: S608  constants

GROUPS = """
    SELECT
        -- If two groups have the same name, the page shows their ids too.
        name || CASE
            WHEN count(*) OVER (PARTITION BY name) > 1 AND label <> name THEN ' (' || label || ')' ELSE ''
        END AS name,
        * EXCLUDE (name, label)
    FROM (
        SELECT
            coalesce(
                nullif(arg_max({party}, date), ''),
                arg_max(nullif(user_{party}_id, ''), date),
                {party}_key
            ) AS name,
            coalesce(CAST({party}_id AS VARCHAR), arg_max(nullif(user_{party}_id, ''), date)) AS label,
            {sums}
        FROM {party}_performance
        GROUP BY {party}_id, {party}_key
    )
    -- If not all revenue is known, the number of calls shows better which groups matter.
    ORDER BY
        CASE WHEN count(revenue) OVER () = count(*) OVER () THEN revenue ELSE calls END DESC,
        calls DESC,
        name
"""

MISSED = "SELECT reason, count(*) AS calls FROM missed_calls GROUP BY reason ORDER BY calls DESC, reason"

COMPARISONS = f"""
    SELECT
        dimension AS kind,
        coalesce(nullif(name, ''), key, 'All calls') AS name,
        period_start,
        period_end,
        calls,
        previous_calls,
        conversion_rate,
        previous_conversion_rate,
        conversion_rate_change,
        is_significant,
        reason
    FROM period_comparison
    WHERE comparison = 'last_7_days' AND (dimension = 'account' OR key IS NOT NULL)
    -- All calls come first. Then the changes that chance explains least.
    ORDER BY
        dimension <> 'account',
        adjusted_p_value NULLS LAST,
        p_value NULLS LAST,
        calls DESC,
        dimension,
        name
    LIMIT {MAX_GROUPS + 1}
"""  # noqa: S608  a constant of this module

_STATEMENTS = f"""
    SELECT
        period_start,
        period_end,
        coalesce(nullif({{party}}, ''), nullif(user_{{party}}_id, ''), CAST({{party}}_id AS VARCHAR)) AS name,
        calls,
        {{conversions}} AS conversions,
        {{amount}} AS amount,
        adjusted_later,
        carried_over,
        amount_due,
        days_missing
    FROM {{party}}_statements
    WHERE name IS NOT NULL AND period_end >= CAST($first AS DATE) AND period_start <= CAST($last AS DATE)
    QUALIFY
        dense_rank() OVER (ORDER BY period_start DESC) <= 2
        AND row_number() OVER (PARTITION BY period_start ORDER BY amount_due DESC NULLS LAST, name)
            <= {MAX_GROUPS}
    ORDER BY period_start DESC, amount_due DESC NULLS LAST, name
"""  # noqa: S608  a constant of this module

BUYER_STATEMENTS = _STATEMENTS.format(party="buyer", conversions="converted", amount="revenue")

SOURCE_STATEMENTS = _STATEMENTS.format(
    party="traffic_source", conversions="traffic_source_conversions", amount="payout"
)

FETCHES = """
    SELECT date, fetched_at, fetched_at < timezone($time_zone, CAST(date + 1 AS TIMESTAMP)) AS is_unfinished
    FROM fetch_log
    WHERE table_name = 'calls'
    ORDER BY date
"""

LAG = f"""
    SELECT
        coalesce(nullif(buyer, ''), nullif(user_buyer_id, ''), CAST(buyer_id AS VARCHAR)) AS name,
        max(calls) AS settled_calls,
        max(revenue) AS final_revenue,
        any_value(known_share) FILTER (days_after = 0) AS known_after_0_days,
        any_value(known_share) FILTER (days_after = 1) AS known_after_1_days,
        any_value(known_share) FILTER (days_after = 2) AS known_after_2_days,
        any_value(known_share) FILTER (days_after = 7) AS known_after_7_days
    FROM conversion_lag
    WHERE is_final AND name IS NOT NULL AND revenue > 0
    GROUP BY buyer_id, name
    ORDER BY final_revenue DESC, name
    LIMIT {MAX_GROUPS}
"""  # noqa: S608  a constant of this module

VERDICTS = """
    SELECT
        source,
        count(*) FILTER (verdict = 'match') AS match,
        count(*) FILTER (verdict = 'mismatch') AS mismatch,
        count(*) FILTER (verdict IN ('not_comparable', 'unreadable')) AS not_compared
    FROM reconciliation
    GROUP BY source
    ORDER BY source
"""

DIFFERENCES = f"""
    SELECT date, source, group_value AS "group", figure, calls_value, api_value, difference
    FROM reconciliation
    WHERE verdict = 'mismatch'
    ORDER BY abs(difference) DESC, date, source, group_value, figure
    LIMIT {MAX_DIFFERENCES}
"""  # noqa: S608  a constant of this module
