-- A row is a half-month of a buyer, the one without a buyer being the calls that reached none. It tells what to invoice the buyer for, as the calls stand now.
SELECT
    period_start,
    period_end,
    buyer_id,
    user_buyer_id,
    buyer,
    calls,
    connected,
    converted,
    revenue,
    revenue / nullif(converted, 0) AS revenue_per_converted_call,
    days_missing
FROM (
    SELECT
        buyer_id,
        -- The name is the latest, so that renaming doesn't split the statement.
        arg_max(user_buyer_id, date) AS user_buyer_id,
        arg_max(buyer, date) AS buyer,
        CAST(sum(calls) AS BIGINT) AS calls,
        CAST(sum(connected) AS BIGINT) AS connected,
        -- A sum of which a part is unknown is unknown.
        CASE WHEN bool_and(converted IS NOT NULL) THEN CAST(sum(converted) AS BIGINT) END AS converted,
        CASE WHEN bool_and(revenue IS NOT NULL) THEN sum(revenue) END AS revenue,
        ${half_month}
    FROM buyer_performance
    GROUP BY period_start, period_end, ${same_buyer}
)
JOIN (
    SELECT
        ${days_missing}
) USING (period_start)
