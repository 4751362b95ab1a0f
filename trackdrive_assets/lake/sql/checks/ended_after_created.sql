-- No call ended before it was created.
SELECT
    date,
    'A call ended before it was created.' AS finding,
    uuid,
    created_at,
    ended_at
FROM calls
WHERE ended_at < created_at
