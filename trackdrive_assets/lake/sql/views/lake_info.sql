-- One row per account. It shows whose calls these are, in which time zone its days are, and how current.
SELECT
    ${account} AS account_host,
    --: The host of the account. For the sandbox: host and company. Null where the lake does not name it.
    ${time_zone} AS time_zone, --: The IANA name of the time zone of all dates and hours.
    min(date) AS first_day, --: The first day whose calls were fetched.
    max(date) AS last_day, --: The last day whose calls were fetched, perhaps only a part of it.
    max(date) FILTER (is_complete) AS last_complete_day,
    --: The last day that was over when its calls were last fetched.
    count(*) AS days, --: The number of days whose calls were fetched, including days without any.
    count(*) FILTER (is_final) AS final_days,
    --: The number of days that were last fetched on the 30th day after them or later.
    max(fetched_at) AS fetched_at, --: When calls were last fetched.
    ${layout} AS layout, --: The version of the layout of the lake.
    ${version} AS version, --: The version of trackdrive-assets that built these views.
    CAST(${built_at} AS TIMESTAMPTZ) AS built_at --: When these views were built.
FROM (
    SELECT
        ${completeness}
        date,
        fetched_at
    FROM fetch_log
    WHERE table_name = 'calls'
)
