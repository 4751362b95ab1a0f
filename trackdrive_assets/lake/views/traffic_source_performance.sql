-- How did each traffic source do, day by day? A row without one holds the calls that came from none.
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
    -- The older API sends no traffic_source_id; there the account's own label tells them apart, or else the name.
    GROUP BY date, traffic_source_id, CASE WHEN traffic_source_id IS NULL THEN coalesce(nullif(user_traffic_source_id, ''), nullif(traffic_source, '')) END
)
