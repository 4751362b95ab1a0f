-- The trade's numbers from a tally. Goes into the SELECT list of a query on one, which has a date.
    calls,
    connected,
    converted,
    converted / calls AS conversion_rate,
    converted / nullif(connected, 0) AS conversion_rate_of_connected,
    traffic_source_conversions,
    -- A call without an amount brought nothing, unless the account's key may not see the amounts at all. That is so
    -- for a day on which calls converted and none has an amount; then the sum stays unknown.
    -- (All rows of a day come first in it. In no order, DuckDB would read the calls twice, and join them to themselves.)
    CASE
        WHEN count(revenue_sum) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(converted) OVER (PARTITION BY date ORDER BY date) = 0
        THEN coalesce(revenue_sum, 0)
    END AS revenue,
    CASE
        WHEN count(payout_sum) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(traffic_source_conversions) OVER (PARTITION BY date ORDER BY date) = 0
        THEN coalesce(payout_sum, 0)
    END AS payout,
    -- Every ended call costs something, so a day without any cost is one whose costs are hidden.
    CASE
        WHEN count(trackdrive_cost_sum) OVER (PARTITION BY date ORDER BY date) > 0
        THEN coalesce(trackdrive_cost_sum, 0)
    END + CASE
        WHEN count(provider_cost_sum) OVER (PARTITION BY date ORDER BY date) > 0
        THEN coalesce(provider_cost_sum, 0)
    END AS cost,
    revenue - payout AS profit,
    profit / nullif(revenue, 0) AS margin,
    revenue / calls AS revenue_per_call,
    revenue / nullif(converted, 0) AS revenue_per_converted_call,
    handle_time / handled AS average_handle_time,
    answered_time / answered AS average_handle_time_of_answered,
    repeat_calls,
    repeat_calls / calls AS repeat_rate,
    no_buyer,
    no_buyer / calls AS no_buyer_rate
