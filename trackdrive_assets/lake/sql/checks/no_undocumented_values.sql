-- Every column and every status is documented, or appeared in the four weeks before.
-- severity: warning
-- undocumented_status: An undocumented status appeared. It is stored; check whether a program that reads the
-- calls needs to know it.
-- undocumented_column: An undocumented column appeared. It is stored in extra; check whether a program that
-- reads the calls needs to know it.
WITH values_of_calls AS (
    SELECT date, 'undocumented_status' AS violation, status AS name, uuid
    FROM calls
    WHERE NOT list_contains(${documented_statuses}, status)
    UNION ALL
    SELECT date, 'undocumented_column' AS violation, unnest(json_keys(extra)) AS name, uuid
    FROM calls
    WHERE extra IS NOT NULL
),
values_of_days AS (
    SELECT date, violation, name, count(*) AS calls, min(uuid) AS uuid
    FROM values_of_calls
    GROUP BY date, violation, name
)
SELECT
    date,
    violation,
    name,
    calls,
    uuid
FROM values_of_days
QUALIFY coalesce(lag(date) OVER (PARTITION BY violation, name ORDER BY date) < date - ${compared_days}, true)
