-- How did each offer do, day by day? A row without an offer holds the calls that belonged to none.
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
    -- The older API sends no offer_id; there the account's own label tells them apart, or else the name.
    GROUP BY date, offer_id, CASE WHEN offer_id IS NULL THEN coalesce(nullif(user_offer_id, ''), nullif(offer, '')) END
)
