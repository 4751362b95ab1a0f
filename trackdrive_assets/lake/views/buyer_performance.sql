-- How did each buyer do, day by day? A row without a buyer holds the calls that reached none.
SELECT
    date,
    buyer_id,
    user_buyer_id,
    buyer,
    ${measures}
FROM (
    SELECT
        date,
        buyer_id,
        -- The name is the day's latest, so that renaming doesn't split the group.
        arg_max(user_buyer_id, created_at) AS user_buyer_id,
        arg_max(buyer, created_at) AS buyer,
        ${tally}
    FROM calls
    GROUP BY date, ${same_buyer}
)
