-- What a group of calls adds up to. Goes into the SELECT list of a query on calls.
    count(*) AS calls,
    count(*) FILTER (WHERE connected_to <> '') AS connected,
    -- A flag is null only where the account's API doesn't send it: then nobody knows, and 0 would be a lie.
    CASE WHEN count(buyer_converted) > 0 THEN count(*) FILTER (WHERE buyer_converted) END AS converted,
    CASE
        WHEN count(traffic_source_converted) > 0 THEN count(*) FILTER (WHERE traffic_source_converted)
    END AS traffic_source_conversions,
    CASE
        WHEN count(buyer_repeat_caller) + count(traffic_source_repeat_caller) > 0
        THEN count(*) FILTER (WHERE buyer_repeat_caller OR traffic_source_repeat_caller)
    END AS repeat_calls,
    count(*) FILTER (WHERE status LIKE 'no-buyer%' OR disposition_name = 'No Buyer') AS no_buyer,
    -- The older API has only buyer_revenue and traffic_source_payout; today's repeats them as revenue and payout.
    sum(coalesce(revenue, buyer_revenue)) AS revenue_sum,
    sum(coalesce(payout, traffic_source_payout)) AS payout_sum,
    sum(trackdrive_cost) AS trackdrive_cost_sum,
    sum(provider_cost) AS provider_cost_sum,
    avg(coalesce(answered_duration, total_duration)) AS average_handle_time,
    avg(answered_duration) FILTER (WHERE answered_duration > 0) AS average_handle_time_of_answered
