-- A row is a call that ended and that nobody answered. It tells which calls were lost, when and why.
SELECT
    date,
    uuid,
    created_at,
    CASE
        WHEN ${no_buyer} THEN 'no buyer'
        WHEN status LIKE '%hung-up%' THEN 'caller hung up'
        WHEN status LIKE 'hold-queue%' THEN 'waited in vain'
        WHEN status = 'not-open' THEN 'closed'
        WHEN status LIKE 'rejected%' OR status IN ('blocked', 'opt-out') THEN 'turned away'
        WHEN status = 'ivr-no-keypress' THEN 'no key pressed'
        WHEN status IN ('failed', 'invalid-number', 'no-route-to-destination') THEN 'failed'
        WHEN connected_to <> '' OR status LIKE 'no-answer%' OR status IN ('busy', 'voicemail', 'voicemail-detected', 'left-voicemail') THEN 'buyer did not answer'
        ELSE 'other'
    END AS reason, --: Why: no buyer, caller hung up, waited in vain, closed, turned away, no key pressed, failed, buyer did not answer; or other, then see status.
    status,
    hangup_cause,
    traffic_source_id,
    traffic_source,
    offer_id,
    offer,
    buyer_id, --: Trackdrive's id of the buyer whose phone rang. Null where it came to none.
    buyer, --: Display name of the buyer whose phone rang. Null where it came to none.
    caller_number,
    total_duration, --: How long the caller stayed on the line, in seconds.
    buyer_converted
FROM calls
ANTI JOIN unfinished_calls USING (date, uuid)
JOIN (
    -- On a day of which no call was put through, nobody knows whether the account may see it.
    SELECT date, count(*) FILTER (connected_to <> '') > 0 AS connections_told
    FROM calls
    GROUP BY date
) AS days USING (date)
-- Somebody else than a buyer may have taken it.
WHERE coalesce(agent_duration, 0) = 0
    AND (
        answered_duration = 0
        OR (answered_duration IS NULL AND coalesce(connected_to, '') = '' AND connections_told)
    )
