-- What changed on each day of looking, by field? A day on which nothing was found changed has no row.
SELECT
    seen_date,
    field,
    count(*) AS changes,
    count(DISTINCT uuid) AS calls,
    count(*) FILTER (was_nothing AND NOT is_nothing) AS came,
    count(*) FILTER (is_nothing AND NOT was_nothing) AS taken_back,
    sum(coalesce(new_number, 0) - coalesce(old_number, 0)) FILTER (is_a_number) AS moved
FROM (
    SELECT
        seen_date,
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
        SELECT seen_at, CAST(timezone(${time_zone}, seen_at) AS DATE) AS seen_date
        FROM call_changes
        GROUP BY seen_at
    ) USING (seen_at)
)
GROUP BY seen_date, field
