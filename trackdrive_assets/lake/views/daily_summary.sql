-- How did each day go? Calls, conversions and money per day of the account's time zone.
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
