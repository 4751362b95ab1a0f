-- A row is a half-month of a traffic source, the one without a source being the calls that came from none. It tells what the source is owed, as the calls stand now, and nothing that a source must not see.
SELECT
    period_start,
    period_end,
    traffic_source_id,
    user_traffic_source_id,
    traffic_source,
    calls,
    traffic_source_conversions,
    payout,
    payout / nullif(traffic_source_conversions, 0) AS payout_per_conversion, --: What a conversion earned the source on average, in dollars. Null where there is none.
    days_missing
FROM (
    SELECT
        traffic_source_id,
        -- The name is the latest, so that renaming doesn't split the statement.
        arg_max(user_traffic_source_id, date) AS user_traffic_source_id,
        arg_max(traffic_source, date) AS traffic_source,
        CAST(sum(calls) AS BIGINT) AS calls,
        -- A sum of which a part is unknown is unknown.
        CASE WHEN bool_and(traffic_source_conversions IS NOT NULL) THEN CAST(sum(traffic_source_conversions) AS BIGINT) END AS traffic_source_conversions,
        CASE WHEN bool_and(payout IS NOT NULL) THEN sum(payout) END AS payout,
        ${half_month}
    FROM traffic_source_performance
    GROUP BY period_start, period_end, ${same_source}
)
JOIN (
    SELECT
        ${days_missing}
) USING (period_start)
