-- No call ended before it was created.
-- severity: warning
-- ended_before_created: A call ended before it was created.
SELECT
    date,
    'ended_before_created' AS violation,
    uuid,
    created_at,
    ended_at
FROM calls
WHERE ended_at < created_at
