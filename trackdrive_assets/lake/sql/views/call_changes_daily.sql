-- A row is a field on a day on which changes of it were detected; a day without changes has none. It tells what still moved after the first reading, and which way.
SELECT
    local_date AS detected_at, --: The day on which the changes were detected, in the account's time zone.
    field, --: The column of calls that changed; a tag is token-<name>.
    count(*) AS changes, --: How many changes of the field were detected.
    count(DISTINCT uuid) AS calls, --: How many calls had such a change.
    count(*) FILTER (was_nothing AND NOT is_nothing) AS gained, --: How many changes gave a value where there was none, or turned it from false or zero.
    count(*) FILTER (is_nothing AND NOT was_nothing) AS reversed, --: How many changes took the value away, or set it to false or zero.
    sum(coalesce(new_number, 0) - coalesce(old_number, 0)) FILTER (is_a_number) AS net_change --: By how much the numbers moved in sum, in dollars or seconds. Null for what is no number.
FROM (
    SELECT
        local_date,
        uuid,
        field,
        -- Who takes a conversion back sets its flag to false, and its money to nothing or to zero.
        coalesce(old_value IN ('false', '0.000000'), true) AS was_nothing,
        coalesce(new_value IN ('false', '0.000000'), true) AS is_nothing,
        field IN (
            'revenue', 'buyer_revenue', 'payout', 'traffic_source_payout', 'trackdrive_cost', 'provider_cost',
            'total_duration', 'hold_duration', 'ivr_duration', 'attempted_duration', 'answered_duration',
            'agent_duration'
        ) AS is_a_number,
        CASE WHEN is_a_number THEN CAST(old_value AS DECIMAL(18, 6)) END AS old_number,
        CASE WHEN is_a_number THEN CAST(new_value AS DECIMAL(18, 6)) END AS new_number
    FROM call_changes
    JOIN (
        -- All changes that one reading found have its moment, so it is enough to ask for the local day once for each.
        SELECT detected_at, CAST(timezone(${time_zone}, detected_at) AS DATE) AS local_date
        FROM call_changes
        GROUP BY detected_at
    ) USING (detected_at)
)
GROUP BY local_date, field
