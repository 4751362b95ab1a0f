-- One row per call that ended without an answer. It shows which calls were lost, when and why.
SELECT
    date,
    uuid,
    created_at,
    created_at_local,
    hour,
    CASE
        WHEN no_buyer THEN 'no_buyer'
        WHEN status LIKE '%hung-up%' THEN 'caller_hung_up'
        WHEN status LIKE 'hold-queue%' THEN 'hold_timeout'
        WHEN status = 'not-open' THEN 'closed'
        WHEN status LIKE 'rejected%' OR status IN ('blocked', 'opt-out') THEN 'rejected'
        WHEN status = 'ivr-no-keypress' THEN 'no_key_pressed'
        WHEN status IN ('failed', 'invalid-number', 'no-route-to-destination') THEN 'failed'
        WHEN connected
            OR status LIKE 'no-answer%'
            OR status IN ('busy', 'voicemail', 'voicemail-detected', 'left-voicemail')
        THEN 'buyer_no_answer'
        ELSE 'other'
    END AS reason,
    --: Why the call was lost: no_buyer, caller_hung_up, hold_timeout, closed, rejected, no_key_pressed,
    --: failed, buyer_no_answer, or other (see status).
    status,
    hangup_cause,
    traffic_source_id,
    traffic_source,
    offer_id,
    offer,
    buyer_id, --: Trackdrive's id of the buyer whose phone rang. Null where no phone rang.
    buyer, --: Display name of the buyer whose phone rang. Null where no phone rang.
    caller_number,
    total_duration, --: How long the caller stayed on the line, in seconds.
    buyer_converted
FROM call_facts
JOIN (
    SELECT date, sum(connected) > 0 AS has_connections
    FROM call_totals
    WHERE group_by = 'party'
    GROUP BY date
) AS days USING (date)
-- If no call of the day was connected, the numbers of buyers may be hidden. Then only talk time counts.
WHERE missed AND (answered_duration IS NOT NULL OR has_connections)
