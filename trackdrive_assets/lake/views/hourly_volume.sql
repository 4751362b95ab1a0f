-- When do calls come, and what are they worth? Per hour of the account's time zone.
WITH quarters AS (
    -- Clocks differ from UTC by whole quarters of an hour. So it is enough to ask for the local time once a quarter;
    -- asking for every call would take most of the query's time.
    SELECT
        quarter,
        date_trunc('hour', local_time) AS local_hour,
        local_time - utc_time AS utc_offset
    FROM (
        SELECT
            epoch_us(created_at) // 900000000 AS quarter,
            timezone(${time_zone}, min(created_at)) AS local_time,
            timezone('UTC', min(created_at)) AS utc_time
        FROM calls
        GROUP BY quarter
    )
)
SELECT
    date,
    -- An instant: tells the two hours apart that share a number when the clocks go back.
    timezone('UTC', local_hour - utc_offset) AS hour_start,
    hour(local_hour) AS hour,
    ${measures}
FROM (
    SELECT
        date,
        local_hour,
        utc_offset,
        ${tally}
    FROM calls
    JOIN quarters ON epoch_us(created_at) // 900000000 = quarter
    GROUP BY date, local_hour, utc_offset
)
