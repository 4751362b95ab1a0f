-- Of how many days each half of a month still lacks the final calls. Goes behind SELECT.
    period_start,
    period_end - period_start + 1 - count(*) FILTER (fetched_at >= timezone(${time_zone}, CAST(date + 1 AS TIMESTAMP))) AS days_missing --: How many days of it the lake lacks, or read for the last time before they were over. Above 0: too early to send.
FROM (
    SELECT
        date,
        fetched_at,
        ${half_month}
    FROM fetch_log
    WHERE table_name = 'calls'
)
GROUP BY period_start, period_end
