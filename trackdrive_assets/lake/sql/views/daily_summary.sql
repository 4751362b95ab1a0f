-- One row per day of the account's time zone: calls, conversions and money.
SELECT
    date,
    ${measures}
FROM (
    SELECT
        date,
        ${tally}
    FROM call_facts
    GROUP BY date
)
