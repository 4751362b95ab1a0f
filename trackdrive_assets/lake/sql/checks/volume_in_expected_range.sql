-- The day has about as many calls as the same weekday of the four weeks before, up to the same time of day.
WITH limits AS (
    SELECT
        -- Below 60 % of the same time last week is where companies of the trade set their alarms. Above, the same ratio.
        0.6 AS ratio,
        -- Calls come independently of each other, so their number strays by its square root: where 9 are usual, 6 or
        -- 12 come on many a day. Measured in square roots (Freeman and Tukey's), small numbers stray no further than
        -- large ones. So far from the usual is chance on one day of a hundred at most, and on far fewer in a large
        -- account.
        3.5 AS deviations
),
days AS (
    SELECT
        date,
        -- A day that was still going on when it was read is known up to then. Older files don't tell; they are whole.
        CASE WHEN timezone(${time_zone}, fetched_at)::DATE <= date THEN timezone(${time_zone}, fetched_at) - date END AS known
    FROM fetch_log
    WHERE table_name = 'calls'
),
compared AS (
    SELECT
        days.date,
        days_before,
        earlier.date AS counted_date,
        -- By the clock on the wall, because that is what callers go by.
        timezone(${time_zone}, earlier.date + coalesce(days.known, INTERVAL 1 DAY)) AS counted_until
    FROM days
    CROSS JOIN range(0, ${days_before} + 1, 7) AS weeks (days_before)
    JOIN days AS earlier ON earlier.date = days.date - days_before::INTEGER
    -- A day that is known for a shorter time itself is nothing to compare with.
    WHERE earlier.known IS NULL OR earlier.known >= days.known
),
counted AS (
    SELECT compared.date, days_before, count(calls.date) AS calls
    FROM compared
    LEFT JOIN calls ON calls.date = counted_date AND created_at < counted_until
    GROUP BY compared.date, days_before
),
volumes AS (
    SELECT
        date,
        max(calls) FILTER (WHERE days_before = 0) AS calls,
        avg(calls) FILTER (WHERE days_before > 0) AS mean_of_weeks_before,
        count(*) FILTER (WHERE days_before > 0) AS weeks_compared
    FROM counted
    GROUP BY date
)
SELECT
    date,
    CASE
        WHEN weeks_compared = 0 THEN 'There is nothing to compare with: the lake has no same weekday of the four weeks before.'
        WHEN calls < mean_of_weeks_before THEN 'Far fewer calls than on the same weekday of the weeks before.'
        ELSE 'Far more calls than on the same weekday of the weeks before.'
    END AS finding,
    weeks_compared > 0 AS fails,
    calls,
    round(mean_of_weeks_before, 1) AS mean_of_weeks_before,
    weeks_compared
FROM volumes, limits
WHERE weeks_compared = 0
    OR (calls NOT BETWEEN mean_of_weeks_before * ratio AND mean_of_weeks_before / ratio)
        AND abs(sqrt(calls) + sqrt(calls + 1) - sqrt(4 * mean_of_weeks_before + 1)) > deviations
