-- Every call stands in its day once.
SELECT
    date,
    'A call stands in its day more than once. Run the partition again.' AS finding,
    uuid,
    count(*) AS times
FROM calls
GROUP BY date, uuid
HAVING count(*) > 1
