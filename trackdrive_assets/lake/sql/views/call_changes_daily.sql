-- One row per day and field, for days on which changes of the field were detected. It shows what still
-- changes after the first fetch, and in which direction.
SELECT
    local_date AS detected_at, --: The day on which the changes were detected, in the account's time zone.
    field, --: The column of calls that changed; a tag is token-<name>.
    count(*) AS changes, --: The number of detected changes of the field.
    count(DISTINCT uuid) AS calls, --: The number of calls with such a change.
    count(*) FILTER (was_empty AND NOT is_empty) AS gained,
    --: The number of changes that gave a value where there was none, or replaced false or zero.
    count(*) FILTER (is_empty AND NOT was_empty) AS reversed,
    --: The number of changes that removed the value, or set it to false or zero.
    sum(coalesce(new_number, 0) - coalesce(old_number, 0)) FILTER (is_number) AS net_change
    --: The sum of all changes of a number, in dollars or seconds. Null where the field is no number.
FROM (
    SELECT
        local_date,
        uuid,
        field,
        -- Reversing a conversion sets its flag to false, and its money to null or zero.
        coalesce(old_value IN ('false', '0.000000'), true) AS was_empty,
        coalesce(new_value IN ('false', '0.000000'), true) AS is_empty,
        field IN (
            'revenue', 'buyer_revenue', 'payout', 'traffic_source_payout', 'trackdrive_cost', 'provider_cost',
            'total_duration', 'hold_duration', 'ivr_duration', 'attempted_duration', 'answered_duration',
            'agent_duration'
        ) AS is_number,
        CASE WHEN is_number THEN CAST(old_value AS DECIMAL(18, 6)) END AS old_number,
        CASE WHEN is_number THEN CAST(new_value AS DECIMAL(18, 6)) END AS new_number
    FROM call_changes
    JOIN (
        -- All changes of one fetch have the same detected_at, so one conversion to the local date is enough.
        SELECT detected_at, CAST(timezone(${time_zone}, detected_at) AS DATE) AS local_date
        FROM call_changes
        GROUP BY detected_at
    ) USING (detected_at)
)
GROUP BY local_date, field
