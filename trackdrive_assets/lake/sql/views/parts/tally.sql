-- What a group of calls adds up to. Goes into the SELECT list of a query on calls.
    count(*) AS calls,
    count(*) FILTER (connected_to <> '') AS connected,
    -- A flag is null only where the account's API doesn't send it: then nobody knows, and 0 would be a lie.
    CAST(sum(CAST(buyer_converted AS INTEGER)) AS BIGINT) AS converted,
    CAST(sum(CAST(traffic_source_converted AS INTEGER)) AS BIGINT) AS traffic_source_conversions,
    CAST(sum(CAST(${is_repeat} AS INTEGER)) AS BIGINT) AS repeat_calls,
    count(*) FILTER (${no_buyer}) AS no_buyer,
    -- The older API has only buyer_revenue and traffic_source_payout; today's repeats them as revenue and payout.
    sum(coalesce(revenue, buyer_revenue)) AS revenue_sum,
    sum(coalesce(payout, traffic_source_payout)) AS payout_sum,
    sum(trackdrive_cost) AS trackdrive_cost_sum,
    sum(provider_cost) AS provider_cost_sum,
    sum(coalesce(answered_duration, total_duration)) AS handle_time,
    count(coalesce(answered_duration, total_duration)) AS handled,
    sum(answered_duration) FILTER (answered_duration > 0) AS answered_time,
    count(*) FILTER (answered_duration > 0) AS answered
