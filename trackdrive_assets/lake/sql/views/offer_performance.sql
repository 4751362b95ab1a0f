-- A row is a day of an offer, the one without an offer being the calls that belonged to none. It tells how each offer did, day by day.
SELECT
    date,
    offer_id,
    user_offer_id,
    offer,
    ${measures}
FROM (
    SELECT
        date,
        offer_id,
        -- The name is the day's latest, so that renaming doesn't split the group.
        arg_max(user_offer_id, created_at) AS user_offer_id,
        arg_max(offer, created_at) AS offer,
        ${tally}
    FROM calls
    GROUP BY date, ${same_offer}
)
