-- A row is an hour of a day on the account's clock; an hour without calls has none. It tells when calls come, and what they are worth.
SELECT
    date,
    timezone('UTC', local_hour - utc_offset) AS hour_start, --: First instant of the hour. Tells apart the two hours of one number when the clocks go back.
    hour(local_hour) AS hour, --: The hour on the account's clock, 0 to 23.
    ${measures}
FROM (
    SELECT
        date,
        date_trunc('hour', local_time) AS local_hour,
        local_time - utc_time AS utc_offset,
        ${total}
    FROM (
        SELECT *, timezone(${time_zone}, first_call) AS local_time, timezone('UTC', first_call) AS utc_time
        FROM (
            -- Clocks differ from UTC by whole quarters of an hour. So it is enough to ask for the local time once a
            -- quarter; asking for every call would take most of the query's time.
            SELECT
                date,
                min(created_at) AS first_call,
                ${tally}
            FROM calls
            GROUP BY date, epoch_us(created_at) // 900000000
        )
    )
    GROUP BY date, local_hour, utc_offset
)
