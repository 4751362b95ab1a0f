-- When was each day of each table read, and what did the API count? Null where an older version wrote the file.
SELECT
    table_name,
    grouped_by,
    CAST(regexp_extract(file_name, '/date=([0-9-]+)/', 1) AS DATE) AS date,
    CAST(max(value) FILTER (key = 'trackdrive.read_at') AS TIMESTAMPTZ) AS read_at,
    CAST(max(value) FILTER (key = 'trackdrive.first_read_at') AS TIMESTAMPTZ) AS first_read_at,
    CAST(max(value) FILTER (key = 'trackdrive.api_count') AS BIGINT) AS api_count,
    max(num_rows) AS rows
FROM (${notes})
GROUP BY table_name, grouped_by, file_name
