-- No call lasted less than no time.
SELECT
    date,
    'A duration is negative.' AS finding,
    uuid,
    ${durations}
FROM calls
WHERE least(
    ${durations}
) < 0
