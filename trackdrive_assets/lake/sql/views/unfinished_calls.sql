-- A row is a call that was live, or had no duration yet, when it was last read. It tells which calls will still show something else.
SELECT
    date,
    uuid,
    created_at,
    status,
    buyer_id,
    buyer,
    connected_to,
    ended_at,
    total_duration,
    fetched_at
FROM (
    -- Apart, because then DuckDB skips the files without any.
    SELECT * FROM calls WHERE ended_at IS NULL
    UNION ALL
    SELECT * FROM calls WHERE ended_at IS NOT NULL AND total_duration IS NULL
)
JOIN (
    -- A day on which no call has an end is one of an account whose API doesn't tell; likewise of a duration. One on
    -- which no call has either is one of live calls only.
    SELECT date, count(ended_at) > 0 AS ends_told, count(total_duration) > 0 AS durations_told
    FROM calls
    GROUP BY date
) AS days USING (date)
WHERE (ended_at IS NULL AND (ends_told OR NOT durations_told))
    OR (total_duration IS NULL AND (durations_told OR NOT ends_told))
