-- Every day holds as many calls as the API counted when it was read.
SELECT
    date,
    CASE
        WHEN api_count IS NULL THEN 'The API did not count the calls of the day, so nothing holds them to a number.'
        WHEN fails THEN 'The file does not hold what the API counted. Run the partition again.'
        ELSE 'Calls came in while the day was read, after the API had counted.'
    END AS finding,
    fails,
    rows,
    api_count
FROM (
    SELECT
        *,
        -- More than counted is right as long as the day goes on. A day of the past has nothing to add.
        (rows < api_count OR rows > api_count AND timezone(${time_zone}, fetched_at)::DATE > date) IS TRUE AS fails
    FROM fetch_log
    WHERE table_name = 'calls'
)
WHERE rows IS DISTINCT FROM api_count
