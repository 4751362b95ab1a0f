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
        arg_max(user_${party}_id, last_call_at) AS user_${party}_id,
        arg_max(${party}, last_call_at) AS ${party},
        ${total}
    FROM call_totals
    WHERE group_by = 'party'
    -- By the id as well: the label of one ${party} may look like the id of another.
    GROUP BY date, ${party}_id, ${party}_key
)
