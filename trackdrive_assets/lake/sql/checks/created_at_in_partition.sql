-- Every call was created on the day of its partition, on the account's clock.
-- severity: error
-- created_on_other_day: A call was created on another day than its partition's. If TRACKDRIVE_TIME_ZONE was
-- changed, run all partitions again.
SELECT
    date,
    'created_on_other_day' AS violation,
    uuid,
    created_at
FROM call_facts
WHERE CAST(created_at_local AS DATE) IS DISTINCT FROM date
