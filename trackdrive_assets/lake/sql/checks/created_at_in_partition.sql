-- Every call was created on its partition's day, by the account's clock.
SELECT
    date,
    'A call was not created on the day it is filed under. If TRACKDRIVE_TIME_ZONE was changed, run all days again.' AS finding,
    uuid,
    created_at
FROM calls
WHERE timezone(${time_zone}, created_at)::DATE IS DISTINCT FROM date
