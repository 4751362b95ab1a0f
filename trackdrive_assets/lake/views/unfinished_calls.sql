-- Which calls were still live, or had no duration yet, when they were last read? What they show will change.
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
FROM calls
JOIN (
    -- A day on which no call has an end, or a duration, is one of an account whose API doesn't tell.
    SELECT date, count(ended_at) > 0 AS ends_told, count(total_duration) > 0 AS durations_told
    FROM calls
    GROUP BY date
) AS days USING (date)
WHERE (ends_told AND ended_at IS NULL) OR (durations_told AND total_duration IS NULL)
