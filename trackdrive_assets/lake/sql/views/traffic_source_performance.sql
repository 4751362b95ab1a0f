-- A row is a day of a traffic source, the one without a source being the calls that came from none. It tells how each source did, day by day.
SELECT
    date,
    traffic_source_id,
    user_traffic_source_id,
    traffic_source,
    ${measures}
FROM (
    SELECT
        date,
        traffic_source_id,
        -- The name is the day's latest, so that renaming doesn't split the group.
        arg_max(user_traffic_source_id, created_at) AS user_traffic_source_id,
        arg_max(traffic_source, created_at) AS traffic_source,
        ${tally}
    FROM calls
    GROUP BY date, ${same_source}
)
