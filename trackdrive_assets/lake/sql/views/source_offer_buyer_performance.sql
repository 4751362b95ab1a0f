-- A row is a day of a traffic source with an offer and a buyer. It tells which source earns on which offer with whom.
SELECT
    date,
    traffic_source_id,
    user_traffic_source_id,
    traffic_source,
    offer_id,
    user_offer_id,
    offer,
    buyer_id,
    user_buyer_id,
    buyer,
    ${measures}
FROM (
    SELECT
        date,
        traffic_source_id,
        offer_id,
        buyer_id,
        -- The names are the day's latest, so that renaming doesn't split the group.
        arg_max(user_traffic_source_id, last_call) AS user_traffic_source_id,
        arg_max(traffic_source, last_call) AS traffic_source,
        arg_max(user_offer_id, last_call) AS user_offer_id,
        arg_max(offer, last_call) AS offer,
        arg_max(user_buyer_id, last_call) AS user_buyer_id,
        arg_max(buyer, last_call) AS buyer,
        ${total}
    FROM (
        -- By the names as well, because there are few: comparing the moments of all calls would take longer.
        SELECT
            date,
            traffic_source_id,
            user_traffic_source_id,
            traffic_source,
            offer_id,
            user_offer_id,
            offer,
            buyer_id,
            user_buyer_id,
            buyer,
            max(created_at) AS last_call,
            ${tally}
        FROM calls
        GROUP BY ALL
    )
    GROUP BY date, ${same_source}, ${same_offer}, ${same_buyer}
)
