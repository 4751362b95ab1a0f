-- The totals of each half-month and ${party}. A whole query; `party` is buyer or traffic_source.
SELECT *
FROM (
    SELECT
        ${party}_id,
        -- The name is the latest, so that renaming doesn't split the statement.
        arg_max(user_${party}_id, date) AS user_${party}_id,
        arg_max(${party}, date) AS ${party},
        CAST(sum(calls) AS BIGINT) AS calls,
        CAST(sum(connected) AS BIGINT) AS connected,
        -- A sum with an unknown part is unknown.
        CASE WHEN bool_and(converted IS NOT NULL) THEN CAST(sum(converted) AS BIGINT) END AS converted,
        CASE
            WHEN bool_and(traffic_source_conversions IS NOT NULL)
            THEN CAST(sum(traffic_source_conversions) AS BIGINT)
        END AS traffic_source_conversions,
        CASE WHEN bool_and(revenue IS NOT NULL) THEN sum(revenue) END AS revenue,
        CASE WHEN bool_and(payout IS NOT NULL) THEN sum(payout) END AS payout,
        ${half_month}
    FROM ${party}_performance
    GROUP BY period_start, period_end, ${party}_id, ${party}_key
)
JOIN (
    SELECT
        period_start,
        min(fetched_at) AS fetched_at,
        --: When the calls of the half-month were last fetched: all of its days in the lake then or later.
        period_end - period_start + 1 - count(*) FILTER (day_is_complete) AS days_missing,
        --: The number of days of the half-month that are not in the lake, or were last fetched before they
        --: were over. Above 0: too early to send.
        days_missing = 0 AS is_complete,
        --: Whether all days of the half-month are complete: each was over when its calls were last fetched.
        count(*) FILTER (day_is_final) = period_end - period_start + 1 AS is_final
        --: Whether all days of the half-month are final: the calls of each were last fetched on the 30th day
        --: after it or later.
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
