-- Every column, every status and every word of a flag is documented, or appeared in the four weeks before.
-- severity: warning
-- undocumented_status: An undocumented status appeared. It is stored; check whether a program that reads the
-- calls needs to know it.
-- undocumented_column: An undocumented column appeared. It is stored in extra; check whether a program that
-- reads the calls needs to know it.
-- undocumented_word: A flag has an undocumented word, such as a third state. The flag is null, and the word
-- is stored in extra. Check whether the calls count as converted or repeat, and report the word as an issue.
WITH values_of_calls AS (
    SELECT date, 'undocumented_status' AS violation, status AS name, uuid
    FROM calls
    WHERE NOT list_contains(${documented_statuses}, status)
    UNION ALL
    SELECT date, 'undocumented_column' AS violation, name, uuid
    FROM (SELECT date, unnest(json_keys(extra)) AS name, uuid FROM calls WHERE extra IS NOT NULL)
    WHERE NOT list_contains(${flags}, name)
    UNION ALL
    SELECT
        date,
        'undocumented_word' AS violation,
        -- A text that is no plain word may be about the caller.
        concat(flag, ': ', if(regexp_full_match(word, '[A-Za-z _-]{1,40}'), word, '…')) AS name,
        uuid
    FROM (
        SELECT date, flag, extra ->> flag AS word, uuid
        FROM (SELECT date, unnest(${flags}) AS flag, extra, uuid FROM calls WHERE extra IS NOT NULL)
    )
    WHERE word IS NOT NULL
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
