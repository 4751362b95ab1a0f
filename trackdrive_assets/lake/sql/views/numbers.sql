-- One row per tracking number of the account, also those without calls, as last fetched.
-- It shows whose number it is. It is empty unless TRACKDRIVE_REFERENCE_TABLES has numbers.
SELECT
    id AS number_id, --: Trackdrive's id, as in the calls.
    number_called,
    name, --: Display name of the number.
    offer_id,
    traffic_source_id,
    ring_pool_id,
    country,
    last_call_at,
    limits,
    created_at,
    updated_at,
    fetched_at
FROM reference
WHERE list_name = 'numbers'
    AND date = (SELECT max(date) FROM reference WHERE list_name = 'numbers')
