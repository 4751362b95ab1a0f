-- A row is a day of the account's time zone. It tells how each day went: calls, conversions and money.
SELECT
    date,
    ${measures}
FROM (
    SELECT
        date,
        ${tally}
    FROM calls
    GROUP BY date
)
