-- One row per day, traffic source, offer and buyer. It shows which combination of them earns how much.
SELECT
    date,
    traffic_source_id,
    user_traffic_source_id,
    traffic_source,
    traffic_source_key,
    offer_id,
    user_offer_id,
    offer,
    offer_key,
    buyer_id,
    user_buyer_id,
    buyer,
    buyer_key,
    ${measures}
FROM (
    SELECT
        date,
        traffic_source_id,
        traffic_source_key,
        offer_id,
        offer_key,
        buyer_id,
        buyer_key,
        -- The names are the day's latest, so that renaming doesn't split the group.
        arg_max(user_traffic_source_id, last_call_at) AS user_traffic_source_id,
        arg_max(traffic_source, last_call_at) AS traffic_source,
        arg_max(user_offer_id, last_call_at) AS user_offer_id,
        arg_max(offer, last_call_at) AS offer,
        arg_max(user_buyer_id, last_call_at) AS user_buyer_id,
        arg_max(buyer, last_call_at) AS buyer,
        ${total}
    FROM call_totals
    WHERE group_by = 'party'
    GROUP BY date, traffic_source_id, traffic_source_key, offer_id, offer_key, buyer_id, buyer_key
)
