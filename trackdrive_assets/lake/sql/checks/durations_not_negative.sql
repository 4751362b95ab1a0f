-- No duration of a call is negative.
-- severity: warning
-- negative_duration: A duration is negative.
SELECT
    date,
    'negative_duration' AS violation,
    uuid,
    COLUMNS('_duration')
FROM calls
WHERE least(*COLUMNS('_duration')) < 0
