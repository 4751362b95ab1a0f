-- One row per offer of the account, also those without calls, as last fetched.
-- It shows names, caps and pauses next to the calls of 30 days.
-- It is empty unless TRACKDRIVE_REFERENCE_TABLES has offers.
-- party: offer
-- list: offers
SELECT
    id AS offer_id, --: Trackdrive's id, as in the calls.
    name AS offer, --: Display name, as on the day of the snapshot.
    label AS user_offer_id, --: The account's own label.
${current_list}
