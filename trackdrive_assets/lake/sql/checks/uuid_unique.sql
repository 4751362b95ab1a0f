-- Every call appears once in its day.
-- severity: error
-- duplicate_uuid: A call appears more than once in its day. Run the partition again.
WITH suspects AS (
    -- Hashes first: a million hashes take a quarter of the memory of as many uuids.
    SELECT date, hash(uuid) AS uuid_hash
    FROM calls
    GROUP BY date, uuid_hash
    HAVING count(*) > 1
)
SELECT
    date,
    'duplicate_uuid' AS violation,
    uuid,
    count(*) AS times
FROM calls
WHERE (date, hash(uuid)) IN (FROM suspects)
GROUP BY date, uuid
HAVING count(*) > 1
