-- Figures of the reconciliation that don't agree, and in words why. Goes behind SELECT.
    date,
    CASE
        WHEN verdict = 'differs'
        THEN 'The calls and ' || source || ' differ, and were read close together. Trust the calls; if they differ day after day, ask Trackdrive why.'
        WHEN verdict = 'read at another moment'
        THEN 'The calls and ' || source || ' differ, but were read at another moment. Materialize both together to compare.'
        WHEN api_fetched_at IS NULL
        THEN source || ' cannot be read: the day has no file. Materialize it; if its run failed, that run says why.'
        WHEN api_value IS NULL
        THEN source || ' has no such figure. The account''s key may not see it.'
        ELSE 'The calls have no such figure. The older API may not send it, the account''s key may not see it, or TRACKDRIVE_EXCLUDE_COLUMNS keeps it out.'
    END AS finding,
    verdict <> 'read at another moment' AS fails,
    group_value,
    figure,
    calls_value,
    api_value,
    difference,
    calls_fetched_at,
    api_fetched_at
FROM reconciliation
WHERE verdict <> 'agrees'
