-- One row per day of the account's time zone. It shows the calls, the conversions and the money.
SELECT
    date,
    fetched_at,
    ${completeness}
    ${measures}
FROM (
    SELECT
        date,
        ${tally}
    FROM call_facts
    GROUP BY date
)
JOIN (SELECT date, fetched_at FROM fetch_log WHERE table_name = 'calls') USING (date)
