-- The totals of each half-month and ${party}. A whole query; `party` is buyer or traffic_source, and `amount`
-- is revenue or payout: what the ${party} owes or is owed.
SELECT
    *,
    CASE WHEN day(period_start) = 1 THEN period_start + 14 ELSE last_day(period_start) END AS period_end,
    ${amount} - adjusted_later + carried_over AS amount_due,
    --: The amount of the statement, in dollars: what was known when the half-month was over, and what was
    --: carried over. Later changes never alter it. Days that were first fetched later count as they were
    --: then. All statements together are the sum of all calls.
    coalesce(days_missing_of_fetched, period_end - period_start + 1) AS days_missing,
    --: The number of days of the half-month that are not in the lake, or were last fetched before they
    --: were over. Above 0: too early to send, or the half-month began before the first day of the lake.
    days_missing = 0 AS is_complete,
    --: Whether all days of the half-month are complete: each was over when its calls were last fetched.
    coalesce(final_days = period_end - period_start + 1, false) AS is_final
    --: Whether all days of the half-month are final: the calls of each were last fetched on the 30th day
    --: after it or later.
FROM (
    SELECT
        period_start,
        ${party}_id,
        -- The name is the latest, so that renaming doesn't split the statement.
        arg_max(user_${party}_id, date) AS user_${party}_id,
        arg_max(${party}, date) AS ${party},
        CAST(coalesce(sum(calls), 0) AS BIGINT) AS calls,
        CAST(coalesce(sum(connected), 0) AS BIGINT) AS connected,
        -- A sum with an unknown part is unknown.
        CASE
            WHEN count(*) FILTER (is_day AND converted IS NULL) = 0
            THEN CAST(coalesce(sum(converted), 0) AS BIGINT)
        END AS converted,
        CASE
            WHEN count(*) FILTER (is_day AND traffic_source_conversions IS NULL) = 0
            THEN CAST(coalesce(sum(traffic_source_conversions), 0) AS BIGINT)
        END AS traffic_source_conversions,
        CASE
            WHEN count(*) FILTER (is_day AND revenue IS NULL) = 0 THEN coalesce(sum(revenue), 0)
        END AS revenue,
        CASE
            WHEN count(*) FILTER (is_day AND payout IS NULL) = 0 THEN coalesce(sum(payout), 0)
        END AS payout,
        coalesce(sum(adjusted_later), 0) AS adjusted_later,
        --: The part of it that changed after the half-month was over, in dollars: adjustments that later
        --: statements carry over.
        coalesce(sum(carried_over), 0) AS carried_over
        --: The adjustments of earlier half-months that were detected during this one, in dollars.
    FROM (
        SELECT *, true AS is_day, ${half_month}
        FROM ${party}_performance
        UNION ALL BY NAME
        SELECT
            unnest([period_start, statement_start]) AS period_start,
            unnest([${amount}_adjustment, 0]) AS adjusted_later,
            unnest([0, ${amount}_adjustment]) AS carried_over,
            date,
            ${party}_id,
            ${party},
            ${party}_key,
            false AS is_day
        FROM statement_adjustments
    )
    GROUP BY period_start, ${party}_id, ${party}_key
)
LEFT JOIN (
    SELECT
        period_start,
        min(fetched_at) AS fetched_at,
        --: When the calls of the half-month were last fetched: all of its days in the lake then or later.
        period_end - period_start + 1 - count(*) FILTER (day_is_complete) AS days_missing_of_fetched,
        count(*) FILTER (day_is_final) AS final_days
    FROM (
        SELECT
            date,
            fetched_at,
            fetched_at >= timezone(${time_zone}, CAST(date + 1 AS TIMESTAMP)) AS day_is_complete,
            fetched_at >= timezone(${time_zone}, CAST(date + 30 AS TIMESTAMP)) AS day_is_final,
            ${half_month}
        FROM fetch_log
        WHERE table_name = 'calls'
    )
    GROUP BY period_start, period_end
) USING (period_start)
