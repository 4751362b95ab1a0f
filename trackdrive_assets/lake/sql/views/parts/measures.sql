-- The trade's numbers from a tally. Goes into the SELECT list of a query on one, which has a date.
    calls, --: How many calls.
    -- Where calls were answered and none has a number that it was put through to, that number is not stored.
    CASE
        WHEN sum(connected) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(answered) OVER (PARTITION BY date ORDER BY date) = 0
        THEN connected
    END AS connected, --: How many were put through to a number of a buyer, answered or not. Null where these numbers are not stored.
    converted, --: How many the buyer owes for. Null where the account doesn't see conversions.
    converted / calls AS conversion_rate, --: Share of all calls that the buyer owes for, 0 to 1.
    converted / nullif(connected, 0) AS conversion_rate_of_connected, --: Share of the calls put through that the buyer owes for. Null where none was.
    traffic_source_conversions, --: How many the traffic source is owed for. Null where the account doesn't see it.
    -- A call without an amount brought nothing, unless the account's key may not see the amounts at all. That is so
    -- for a day on which calls converted and none has an amount; then the sum stays unknown.
    -- (All rows of a day come first in it. In no order, DuckDB would read the calls twice, and join them to themselves.)
    CASE
        WHEN count(revenue_sum) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(converted) OVER (PARTITION BY date ORDER BY date) = 0
        THEN coalesce(revenue_sum, 0)
    END AS revenue, --: What buyers owe, in dollars. Null where the account may not see amounts.
    CASE
        WHEN count(payout_sum) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(traffic_source_conversions) OVER (PARTITION BY date ORDER BY date) = 0
        THEN coalesce(payout_sum, 0)
    END AS payout, --: What traffic sources are owed, in dollars. Null where the account may not see amounts.
    -- Every ended call costs something, so a day without any cost is one whose costs are hidden.
    CASE
        WHEN count(trackdrive_cost_sum) OVER (PARTITION BY date ORDER BY date) > 0
        THEN coalesce(trackdrive_cost_sum, 0)
    END + CASE
        WHEN count(provider_cost_sum) OVER (PARTITION BY date ORDER BY date) > 0
        THEN coalesce(provider_cost_sum, 0)
    END AS cost, --: What Trackdrive and the telephony provider charge, in dollars. Null where either is hidden.
    revenue - payout AS profit, --: Revenue less payout, in dollars; the cost is not taken off. Null where either is unknown.
    profit / nullif(revenue, 0) AS margin, --: Profit as a share of revenue, 0.25 for a quarter. Null where there is no revenue.
    revenue / calls AS revenue_per_call, --: Revenue over all calls, in dollars.
    revenue / nullif(converted, 0) AS revenue_per_converted_call, --: Revenue over the calls that the buyer owes for, in dollars. Null where there is none.
    handle_time / handled AS average_handle_time, --: Mean seconds a call was talked, or lasted where talk time is unknown; unanswered calls count too.
    answered_time / answered AS average_handle_time_of_answered, --: Mean seconds of talk of the calls that were answered. Null where none was.
    repeat_calls, --: How many came from a caller whom the buyer or the traffic source had before.
    repeat_calls / calls AS repeat_rate, --: Share of all calls that are repeat calls, 0 to 1.
    no_buyer, --: How many found no buyer to take them.
    no_buyer / calls AS no_buyer_rate --: Share of all calls that found no buyer, 0 to 1.
