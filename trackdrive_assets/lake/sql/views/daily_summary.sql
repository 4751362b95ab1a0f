-- One row per day of the account's time zone. It shows the calls, the conversions and the money.
SELECT
    date,
    ${measures}
FROM (
    SELECT
        date,
        ${total}
    FROM call_totals
    WHERE group_by = 'party'
    GROUP BY date
)
