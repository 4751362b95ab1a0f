-- One row per day and hour of the account's clock. It shows when calls come, and what they are worth. An hour
-- without calls has no row.
SELECT
    date,
    timezone('UTC', local_hour - utc_offset) AS hour_start,
    --: First instant of the hour. It distinguishes the two hours of one number when the clocks go back.
    hour(local_hour) AS hour, --: The hour on the account's clock, 0 to 23.
    ${measures}
FROM (
    SELECT
        date,
        date_trunc('hour', first_call_local) AS local_hour,
        first_call_local - first_call_utc AS utc_offset,
        ${total}
    FROM (
        SELECT
            *,
            timezone(${time_zone}, first_call) AS first_call_local,
            timezone('UTC', first_call) AS first_call_utc
        FROM (
            -- Clocks differ from UTC by whole quarters of an hour. So one conversion per quarter is enough;
            -- converting the time of every call would take most of the query's time.
            SELECT
                date,
                min(created_at) AS first_call,
                ${tally}
            FROM call_facts
            GROUP BY date, epoch_us(created_at) // 900000000
        )
    )
    GROUP BY date, local_hour, utc_offset
)
