-- One row per call. It has all columns of calls, and the keys and flags that other views need.
SELECT
    *,
    coalesce(CAST(buyer_id AS VARCHAR), nullif(user_buyer_id, ''), nullif(buyer, '')) AS buyer_key,
    --: Identifies the buyer: buyer_id as text. The legacy API sends no id; there it is the account's own
    --: label, or else the name. Null where the call reached no buyer.
    coalesce(CAST(offer_id AS VARCHAR), nullif(user_offer_id, ''), nullif(offer, '')) AS offer_key,
    --: Identifies the offer in the same way. Null where the call has no offer.
    coalesce(
        CAST(traffic_source_id AS VARCHAR),
        nullif(user_traffic_source_id, ''),
        nullif(traffic_source, '')
    ) AS traffic_source_key,
    --: Identifies the traffic source in the same way. Null where the call has no traffic source.
    timezone(${time_zone}, created_at) AS created_at_local, --: When the call started, on the account's clock.
    hour(created_at_local) AS hour, --: The hour in which the call started on the account's clock, 0 to 23.
    connected_to <> '' AS connected,
    --: Whether the call was put through to a buyer's number, answered or not. Null without a number.
    answered_duration > 0 AS answered, --: Whether the buyer answered. Null where talk time is unknown.
    -- A live call has neither an end nor a length.
    CASE
        WHEN ended_at IS NOT NULL OR total_duration IS NOT NULL
        THEN coalesce(agent_duration, 0) = 0
            AND coalesce(answered_duration = 0, coalesce(connected_to, '') = '')
    END AS missed,
    --: Whether neither a buyer nor an agent answered. Where talk time is unknown: whether the call was not
    --: put through. Null while the call is live.
    (status LIKE 'no-buyer%' OR disposition_name = 'No Buyer') IS TRUE AS no_buyer,
    --: Whether no buyer was found to take the call.
    coalesce(
        buyer_repeat_caller OR traffic_source_repeat_caller,
        buyer_repeat_caller,
        traffic_source_repeat_caller
    ) AS is_repeat,
    --: Whether the buyer or the traffic source had this caller before. Null where the API sends neither flag.
    -- The legacy API has only buyer_revenue and traffic_source_payout; today's has revenue and payout too.
    coalesce(revenue, buyer_revenue) AS revenue_owed,
    --: What the buyer owes, in dollars, under either of its names. Null without an amount.
    coalesce(payout, traffic_source_payout) AS payout_owed,
    --: What the traffic source is owed, in dollars, under either of its names. Null without an amount.
    fetched_at >= timezone(${time_zone}, CAST(date + 30 AS TIMESTAMP)) AS is_final
    --: Whether the call was last fetched on the 30th day after its day or later, so that its amounts are
    --: settled.
FROM calls
