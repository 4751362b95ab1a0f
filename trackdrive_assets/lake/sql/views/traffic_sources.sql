-- One row per traffic source of the account, also those without calls, as last fetched.
-- It shows names, caps and pauses next to the calls of 30 days.
-- It is empty unless TRACKDRIVE_REFERENCE_TABLES has traffic_sources.
-- party: traffic_source
-- list: traffic_sources
SELECT
    id AS traffic_source_id, --: Trackdrive's id, as in the calls.
    name AS traffic_source, --: Display name, as on the day of the snapshot.
    label AS user_traffic_source_id, --: The account's own label.
${current_list}
