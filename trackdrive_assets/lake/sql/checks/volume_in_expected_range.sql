-- The day has about as many calls as the same weekday of the four weeks before, up to the same time of day.
-- severity: warning
-- nothing_to_compare: The lake has no same weekday of the four weeks before to compare with.
-- too_few_calls: There are far fewer calls than on the same weekday of the weeks before.
-- too_many_calls: There are far more calls than on the same weekday of the weeks before.
WITH limits AS (
    SELECT
        -- Companies of the trade set their alarms at 60 % of the same time last week. Above, likewise.
        0.6 AS ratio,
        -- Calls are independent of each other, so their number deviates by its square root: where 9 are
        -- usual, 6 or 12 are frequent. Measured in square roots (Freeman-Tukey), small numbers deviate no
        -- more than large ones. This many deviations occur by chance on at most one day in a hundred, and
        -- more rarely in a large account.
        3.5 AS deviations
),
days AS (
    SELECT
        date,
        -- A day that was fetched before its end is known up to then. Files without a time contain whole days.
        CASE
            WHEN CAST(timezone(${time_zone}, fetched_at) AS DATE) <= date
            THEN timezone(${time_zone}, fetched_at) - date
        END AS known
    FROM fetch_log
    WHERE table_name = 'calls'
),
compared AS (
    SELECT
        days.date,
        days_before,
        earlier.date AS counted_date,
        -- By the clock on the wall, because callers follow it.
        timezone(${time_zone}, earlier.date + coalesce(days.known, INTERVAL 1 DAY)) AS counted_until
    FROM days
    CROSS JOIN range(0, ${compared_days} + 1, 7) AS weeks (days_before)
    JOIN days AS earlier ON earlier.date = days.date - days_before::INTEGER
    -- An earlier day that is known for a shorter time can't be compared.
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
        WHEN weeks_compared = 0 THEN 'nothing_to_compare'
        WHEN calls < mean_of_weeks_before THEN 'too_few_calls'
        ELSE 'too_many_calls'
    END AS violation,
    weeks_compared > 0 AS fails,
    calls,
    round(mean_of_weeks_before, 1) AS mean_of_weeks_before,
    weeks_compared
FROM volumes, limits
WHERE weeks_compared = 0
    OR (calls NOT BETWEEN mean_of_weeks_before * ratio AND mean_of_weeks_before / ratio)
        AND abs(sqrt(calls) + sqrt(calls + 1) - sqrt(4 * mean_of_weeks_before + 1)) > deviations
