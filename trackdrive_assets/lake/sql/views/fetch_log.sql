-- One row per day of a table, report, series or list. It shows when it was fetched, and how many rows it has.
SELECT
    table_name, --: The table: calls, reports, stats, reference or call_changes.
    part AS grouped_by, --: The report, the series or the list. Null for the other tables.
    CAST(regexp_extract(file_name, '/date=([0-9-]+)/', 1) AS DATE) AS date,
    CAST(max(value) FILTER (key = 'trackdrive.fetched_at') AS TIMESTAMPTZ) AS fetched_at,
    --: When the day was last fetched. Null where an older version wrote the file.
    CAST(max(value) FILTER (key = 'trackdrive.first_fetched_at') AS TIMESTAMPTZ) AS first_fetched_at,
    --: When the day was first fetched. Null where an older version wrote the file.
    CAST(max(value) FILTER (key = 'trackdrive.api_count') AS BIGINT) AS api_count,
    --: The number of rows that the API counted then. Null where it counts none.
    max(num_rows) AS rows --: The number of rows.
FROM (${file_metadata})
GROUP BY table_name, part, file_name
