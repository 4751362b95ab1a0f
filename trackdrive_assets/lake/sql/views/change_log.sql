-- One row per field of a call that had changed when the call's day was fetched again, with the names and the
-- money of the call. It shows what changed since you last looked: select by detected_at.
WITH of_calls AS (
    SELECT
        date,
        uuid,
        max(detected_at) FILTER (field IN ('ended_at', 'total_duration') AND old_value IS NULL) AS ended_by,
        -- A call that appeared gained all its values, and was not live because of that.
        max(detected_at) FILTER (field = 'uuid' AND old_value IS NULL) AS appeared_at,
        -- A call that vanished lost these.
        arg_max(old_value, detected_at) FILTER (field = 'status') AS last_status,
        arg_max(old_value, detected_at) FILTER (field = 'buyer_id') AS last_buyer_id,
        arg_max(old_value, detected_at) FILTER (field = 'buyer') AS last_buyer,
        arg_max(old_value, detected_at) FILTER (field = 'traffic_source_id') AS last_traffic_source_id,
        arg_max(old_value, detected_at) FILTER (field = 'traffic_source') AS last_traffic_source,
        arg_max(old_value, detected_at) FILTER (field = 'offer_id') AS last_offer_id,
        arg_max(old_value, detected_at) FILTER (field = 'offer') AS last_offer
    FROM call_changes
    WHERE field IN (
        'uuid', 'ended_at', 'total_duration', 'status', 'buyer_id', 'buyer', 'traffic_source_id',
        'traffic_source', 'offer_id', 'offer'
    )
    GROUP BY date, uuid
),
present AS (
    SELECT
        date,
        uuid,
        true AS is_present,
        ended_at IS NULL AND total_duration IS NULL AS is_live,
        status,
        buyer_id,
        buyer,
        traffic_source_id,
        traffic_source,
        offer_id,
        offer,
        revenue_owed,
        payout_owed
    FROM call_facts
)
SELECT
    detected_at,
    date,
    uuid, --: The call that changed.
    created_at, --: When that call started.
    field,
    old_value,
    new_value,
    coalesce(is_live OR (detected_at <= ended_by AND ended_by IS DISTINCT FROM appeared_at), false)
        AS was_live,
    --: Whether the call was still live at the earlier fetch. Its end is then no news about an old call.
    is_present IS NULL AS has_vanished, --: Whether the API does not have the call any more.
    CASE WHEN is_present THEN status ELSE last_status END AS status,
    --: The state of the call, or how it ended, as it is now. If the call vanished: the last one.
    CASE WHEN is_present THEN buyer_id ELSE CAST(last_buyer_id AS BIGINT) END AS buyer_id,
    --: Trackdrive's id of the buyer who has the call now. If the call vanished: of the last buyer.
    CASE WHEN is_present THEN buyer ELSE last_buyer END AS buyer, --: Display name of that buyer.
    CASE WHEN is_present THEN traffic_source_id ELSE CAST(last_traffic_source_id AS BIGINT) END
        AS traffic_source_id,
    --: Trackdrive's id of the traffic source that has the call now. If the call vanished: of the last source.
    CASE WHEN is_present THEN traffic_source ELSE last_traffic_source END AS traffic_source,
    --: Display name of that traffic source.
    CASE WHEN is_present THEN offer_id ELSE CAST(last_offer_id AS BIGINT) END AS offer_id,
    --: Trackdrive's id of the offer that the call belongs to now. If the call vanished: of the last offer.
    CASE WHEN is_present THEN offer ELSE last_offer END AS offer, --: Display name of that offer.
    revenue_owed, --: What the buyer owes for the call now, in dollars. Null without an amount.
    payout_owed --: What the traffic source is owed for the call now, in dollars. Null without an amount.
FROM call_changes
LEFT JOIN of_calls USING (date, uuid)
LEFT JOIN present USING (date, uuid)
