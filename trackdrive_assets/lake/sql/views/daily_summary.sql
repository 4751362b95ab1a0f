-- One row per day of the account's time zone. It shows the calls, the conversions and the money. A day
-- without calls has no row.
SELECT
    date,
    fetched_at,
    ${completeness}
    ${measures}
FROM (
    SELECT
        date,
        any_value(fetched_at) AS fetched_at, --: When the calls of the day were last fetched.
        ${total}
    FROM call_totals
    WHERE group_by = 'party'
    GROUP BY date
)
