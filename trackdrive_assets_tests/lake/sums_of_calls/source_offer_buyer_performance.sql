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
        arg_max(user_traffic_source_id, last_call) AS user_traffic_source_id,
        arg_max(traffic_source, last_call) AS traffic_source,
        arg_max(user_offer_id, last_call) AS user_offer_id,
        arg_max(offer, last_call) AS offer,
        arg_max(user_buyer_id, last_call) AS user_buyer_id,
        arg_max(buyer, last_call) AS buyer,
        ${total}
    FROM (
        -- By the names as well, because they are few: comparing the times of all calls would take longer.
        SELECT
            date,
            traffic_source_id,
            user_traffic_source_id,
            traffic_source,
            any_value(traffic_source_key) AS traffic_source_key,
            offer_id,
            user_offer_id,
            offer,
            any_value(offer_key) AS offer_key,
            buyer_id,
            user_buyer_id,
            buyer,
            any_value(buyer_key) AS buyer_key,
            max(created_at) AS last_call,
            ${tally}
        FROM call_facts
        GROUP BY ALL
    )
    GROUP BY date, traffic_source_id, traffic_source_key, offer_id, offer_key, buyer_id, buyer_key
)
