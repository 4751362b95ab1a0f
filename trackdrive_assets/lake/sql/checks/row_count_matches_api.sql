-- Every day has as many calls as the API counted when the day was fetched.
-- severity: error
-- not_counted: The API gave no reliable count of the day's calls, so their number can't be checked.
-- count_differs: The file has another number of calls than the API counted. Run the partition again.
-- calls_added_during_fetch: New calls came in during the fetch, after the API had counted.
SELECT
    date,
    CASE
        WHEN api_count IS NULL THEN 'not_counted'
        WHEN fails THEN 'count_differs'
        ELSE 'calls_added_during_fetch'
    END AS violation,
    fails,
    rows,
    api_count
FROM (
    SELECT
        *,
        -- While a day goes on, more calls than counted are right. A finished day gets no new calls.
        (
            rows < api_count
            OR (rows > api_count AND CAST(timezone(${time_zone}, fetched_at) AS DATE) > date)
        ) IS TRUE AS fails
    FROM fetch_log
    WHERE table_name = 'calls'
)
WHERE rows IS DISTINCT FROM api_count
