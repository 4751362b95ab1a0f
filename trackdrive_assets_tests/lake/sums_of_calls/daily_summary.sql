-- One row per day of the account's time zone. It shows the calls, the conversions and the money.
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
