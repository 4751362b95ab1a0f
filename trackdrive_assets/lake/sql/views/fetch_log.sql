-- A row is a day of a table, of one report or of one series. It tells when the day was read, and what the API counted.
SELECT
    table_name, --: The table that was read: calls, reports, stats or call_changes.
    grouped_by, --: Which report or series of it. Null for the tables that have one.
    CAST(regexp_extract(file_name, '/date=([0-9-]+)/', 1) AS DATE) AS date,
    CAST(max(value) FILTER (key = 'trackdrive.fetched_at') AS TIMESTAMPTZ) AS fetched_at, --: When the day was last read. Null where an older version wrote the file.
    CAST(max(value) FILTER (key = 'trackdrive.first_fetched_at') AS TIMESTAMPTZ) AS first_fetched_at, --: When the day was read for the first time. Null where an older version wrote the file.
    CAST(max(value) FILTER (key = 'trackdrive.api_count') AS BIGINT) AS api_count, --: How many rows the API counted then. Null where it counts none.
    max(num_rows) AS rows --: How many rows the file holds.
FROM (${file_metadata})
GROUP BY table_name, grouped_by, file_name
