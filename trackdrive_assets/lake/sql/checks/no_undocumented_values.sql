-- No column and no status appears that is neither documented nor was seen in the four weeks before.
WITH sightings AS (
    SELECT date, 'status' AS kind, status AS name, uuid
    FROM calls
    WHERE NOT list_contains(${known_statuses}, status)
    UNION ALL
    SELECT date, 'column' AS kind, unnest(json_keys(extra)) AS name, uuid
    FROM calls
    WHERE extra IS NOT NULL
),
by_day AS (
    SELECT date, kind, name, count(*) AS calls, min(uuid) AS uuid
    FROM sightings
    GROUP BY date, kind, name
)
SELECT
    date,
    'An undocumented ' || kind || ' appears. It is stored'
        || CASE kind WHEN 'column' THEN ' in extra' ELSE '' END
        || '; see whether anything that reads the calls should know of it.' AS finding,
    name,
    calls,
    uuid
FROM by_day
QUALIFY coalesce(lag(date) OVER (PARTITION BY kind, name ORDER BY date) < date - ${days_before}, true)
