-- The numbers of the trade. For the end of the SELECT list of a query on tallies that have a date.
    calls, --: The number of calls.
    -- If calls were answered and none has the number of a buyer, these numbers are not stored.
    CASE
        WHEN sum(connected) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(answered) OVER (PARTITION BY date ORDER BY date) = 0
        THEN connected
    END AS connected,
    --: The number of calls that were put through to a buyer's number, answered or not. Null where the
    --: numbers are not stored.
    -- If no call was answered and none has a talk time of 0, talk times are not stored.
    CASE
        WHEN sum(answered) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(unanswered) OVER (PARTITION BY date ORDER BY date) > 0
        THEN answered
    END AS answered,
    --: The number of calls that a buyer answered. Null where talk times are not stored.
    -- If no call of the day was connected, the numbers of buyers may be hidden. Then only talk time counts.
    CASE
        WHEN sum(connected) OVER (PARTITION BY date ORDER BY date) > 0 THEN unanswered + unconnected
        WHEN sum(answered) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(unanswered) OVER (PARTITION BY date ORDER BY date) > 0
        THEN unanswered
    END AS missed,
    --: The number of calls that ended and that neither a buyer nor an agent answered. The view missed_calls
    --: has each of them. Null where neither talk times nor buyers' numbers are stored.
    missed / calls AS missed_rate, --: Share of all calls that were missed, 0 to 1.
    converted,
    --: The number of calls that the buyer owes for. Null where the account doesn't see conversions.
    converted / calls AS conversion_rate, --: Share of all calls that the buyer owes for, 0 to 1.
    converted / nullif(connected, 0) AS conversion_rate_of_connected,
    --: Share of the connected calls that the buyer owes for. Null without connected calls.
    traffic_source_conversions,
    --: The number of calls that the traffic source is owed for. Null where the account doesn't see it.
    -- A call without an amount brought nothing, unless the account's key may not see amounts at all. Then
    -- calls of the day converted and none has an amount, and the sum stays unknown.
    -- (ORDER BY date changes no result. Without it, DuckDB would read the calls twice and join them.)
    CASE
        WHEN count(revenue_owed) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(converted) OVER (PARTITION BY date ORDER BY date) = 0
        THEN coalesce(revenue_owed, 0)
    END AS revenue, --: What buyers owe, in dollars. Null where the account may not see amounts.
    CASE
        WHEN count(payout_owed) OVER (PARTITION BY date ORDER BY date) > 0
            OR sum(traffic_source_conversions) OVER (PARTITION BY date ORDER BY date) = 0
        THEN coalesce(payout_owed, 0)
    END AS payout, --: What traffic sources are owed, in dollars. Null where the account may not see amounts.
    -- Every ended call costs something. If no call of the day has a cost, the costs are hidden.
    CASE
        WHEN count(trackdrive_cost) OVER (PARTITION BY date ORDER BY date) > 0
        THEN coalesce(trackdrive_cost, 0)
    END + CASE
        WHEN count(provider_cost) OVER (PARTITION BY date ORDER BY date) > 0
        THEN coalesce(provider_cost, 0)
    END AS cost,
    --: What Trackdrive and the telephony provider charge, in dollars. Null where either is hidden.
    revenue - payout AS profit,
    --: Revenue less payout, in dollars; the cost is not subtracted. Null where either is unknown.
    profit / nullif(revenue, 0) AS margin,
    --: Profit as a share of revenue: 0.25 is a quarter. Null without revenue.
    revenue / calls AS revenue_per_call, --: Revenue over all calls, in dollars.
    revenue / nullif(converted, 0) AS revenue_per_converted_call,
    --: Revenue over the calls that the buyer owes for, in dollars. Null without such calls.
    handle_time / handled AS average_handle_time,
    --: Mean talk time of all calls, in seconds; the length of a call where its talk time is unknown.
    answered_time / answered AS average_handle_time_of_answered,
    --: Mean talk time of the answered calls, in seconds. Null without answered calls.
    repeat_calls, --: The number of calls from a caller that the buyer or the traffic source had before.
    repeat_calls / calls AS repeat_rate, --: Share of all calls that are repeat calls, 0 to 1.
    no_buyer, --: The number of calls without a buyer to take them.
    no_buyer / calls AS no_buyer_rate --: Share of all calls that found no buyer, 0 to 1.
