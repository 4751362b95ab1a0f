-- The numbers of the reconciliation that don't match. A whole query; `source` is a source of the view.
-- severity: warning
-- values_differ: The calls and the API's totals differ, although they were fetched close together. Trust the
-- calls. If they differ day after day, ask Trackdrive why.
-- fetched_apart: The calls and the API's totals differ, but they were fetched at different times. Materialize
-- both together to compare them.
-- not_fetched: Nothing to compare with yet: the API's totals of the day were not fetched. Materialize them if
-- you need them. If their run failed, see why.
-- api_value_missing: The API's totals don't contain this number. The account's key may not see it.
-- calls_value_missing: The calls don't contain this number. The legacy API may not send it, the account's key
-- may not see it, or TRACKDRIVE_EXCLUDE_COLUMNS excludes it.
SELECT
    date,
    reason AS violation,
    verdict <> 'not_comparable' AS fails,
    group_value,
    figure,
    definition,
    calls_value,
    api_value,
    difference,
    calls_fetched_at,
    api_fetched_at
FROM reconciliation
WHERE verdict <> 'match' AND source = '${source}'
