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
        date_trunc('hour', interval_start_local) AS local_hour,
        interval_start_local - interval_start_utc AS utc_offset,
        ${total}
    FROM (
        -- Clocks differ from UTC by whole quarters of an hour.
        SELECT
            *,
            timezone(${time_zone}, interval_start) AS interval_start_local,
            timezone('UTC', interval_start) AS interval_start_utc
        FROM call_totals
        WHERE group_by = 'quarter_hour'
    )
    GROUP BY date, local_hour, utc_offset
)
