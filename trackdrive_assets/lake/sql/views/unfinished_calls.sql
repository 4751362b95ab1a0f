-- One row per call that was live, or had no duration, when it was last fetched. It will still change.
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
    -- Two queries, because then DuckDB skips the files without such calls.
    SELECT * FROM calls WHERE ended_at IS NULL
    UNION ALL
    SELECT * FROM calls WHERE ended_at IS NOT NULL AND total_duration IS NULL
)
JOIN (
    -- If no call of a day has an end, the account's API doesn't send it; the same holds for the duration. If
    -- no call has either, all calls of the day are live.
    SELECT date, count(ended_at) > 0 AS has_ends, count(total_duration) > 0 AS has_durations
    FROM calls
    GROUP BY date
) AS days USING (date)
WHERE (ended_at IS NULL AND (has_ends OR NOT has_durations))
    OR (total_duration IS NULL AND (has_durations OR NOT has_ends))
