-- A row is a day of a buyer, the one without a buyer being the calls that reached none. It tells how each buyer did, day by day.
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
        arg_max(user_buyer_id, last_call) AS user_buyer_id,
        arg_max(buyer, last_call) AS buyer,
        ${total}
    FROM (
        -- By the names as well, because there are few: comparing the moments of all calls would take longer.
        SELECT
            date,
            buyer_id,
            user_buyer_id,
            buyer,
            max(created_at) AS last_call,
            ${tally}
        FROM calls
        GROUP BY date, buyer_id, user_buyer_id, buyer
    )
    GROUP BY date, ${same_buyer}
)
