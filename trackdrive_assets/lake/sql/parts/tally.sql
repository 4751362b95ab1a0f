-- The sums of a group of calls. For the SELECT list of a query on call_facts.
    count(*) AS calls,
    count(*) FILTER (connected) AS connected,
    -- A flag is null only where the account's API doesn't send it. Then the sum is unknown, and not 0.
    CAST(sum(CAST(buyer_converted AS INTEGER)) AS BIGINT) AS converted,
    CAST(sum(CAST(traffic_source_converted AS INTEGER)) AS BIGINT) AS traffic_source_conversions,
    CAST(sum(CAST(is_repeat AS INTEGER)) AS BIGINT) AS repeat_calls,
    count(*) FILTER (no_buyer) AS no_buyer,
    sum(revenue_owed) AS revenue_owed,
    sum(payout_owed) AS payout_owed,
    sum(trackdrive_cost) AS trackdrive_cost,
    sum(provider_cost) AS provider_cost,
    sum(coalesce(answered_duration, total_duration)) AS handle_time,
    count(coalesce(answered_duration, total_duration)) AS handled,
    sum(answered_duration) FILTER (answered) AS answered_time,
    count(*) FILTER (answered) AS answered,
    count(*) FILTER (missed AND answered_duration IS NOT NULL) AS unanswered,
    count(*) FILTER (missed AND answered_duration IS NULL) AS unconnected
