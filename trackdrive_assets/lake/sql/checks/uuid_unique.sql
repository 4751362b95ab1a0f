-- Every call stands in its day once.
-- Numbers first: a million of them take a quarter of the memory that as many uuids take.
WITH suspects AS (
    SELECT date, hash(uuid) AS number
    FROM calls
    GROUP BY date, number
    HAVING count(*) > 1
)
SELECT
    date,
    'A call stands in its day more than once. Run the partition again.' AS finding,
    uuid,
    count(*) AS times
FROM calls
WHERE (date, hash(uuid)) IN (FROM suspects)
GROUP BY date, uuid
HAVING count(*) > 1
