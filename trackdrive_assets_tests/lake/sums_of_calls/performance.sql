-- The calls of each day and ${party} in numbers. A whole query; `party` is buyer, offer or traffic_source.
SELECT
    date,
    ${party}_id,
    user_${party}_id,
    ${party},
    ${party}_key,
    ${measures}
FROM (
    SELECT
        date,
        ${party}_id,
        ${party}_key,
        -- The name is the day's latest, so that renaming doesn't split the group.
        arg_max(user_${party}_id, last_call) AS user_${party}_id,
        arg_max(${party}, last_call) AS ${party},
        ${total}
    FROM (
        -- By the names as well, because they are few: comparing the times of all calls would take longer.
        SELECT
            date,
            ${party}_id,
            user_${party}_id,
            ${party},
            any_value(${party}_key) AS ${party}_key,
            max(created_at) AS last_call,
            ${tally}
        FROM call_facts
        GROUP BY date, ${party}_id, user_${party}_id, ${party}
    )
    -- By the id as well: the label of one ${party} may look like the id of another.
    GROUP BY date, ${party}_id, ${party}_key
)
