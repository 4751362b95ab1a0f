-- One row per buyer of the account, also those without calls, as last fetched.
-- It shows names, caps and pauses next to the calls of 30 days.
-- It is empty unless TRACKDRIVE_REFERENCE_TABLES has buyers.
-- party: buyer
-- list: buyers
SELECT
    id AS buyer_id, --: Trackdrive's id, as in the calls.
    name AS buyer, --: Display name, as on the day of the snapshot.
    label AS user_buyer_id, --: The account's own label.
${current_list}
