-- The newest snapshot of a list, with the calls of its 30 days. The end of a query, from its fourth column.
-- `list` and `party` name it.
    is_paused,
    bid_price,
    time_zone,
    limits,
    coalesce(recent.calls, 0) AS calls_30_days, --: The number of calls in the 30 days up to the snapshot.
    recent.last_call_date, --: The last of these days with a call. Null without any.
    created_at,
    updated_at,
    fetched_at
FROM (
    SELECT *
    FROM reference
    WHERE list_name = '${list}'
        AND date = (SELECT max(date) FROM reference WHERE list_name = '${list}')
) AS snapshot
LEFT JOIN (
    SELECT
        ${party}_id,
        CAST(sum(calls) AS BIGINT) AS calls,
        max(date) AS last_call_date
    FROM ${party}_performance
    WHERE date > (SELECT max(date) - 30 FROM reference WHERE list_name = '${list}')
        AND date <= (SELECT max(date) FROM reference WHERE list_name = '${list}')
        AND calls > 0
    GROUP BY ${party}_id
) AS recent ON recent.${party}_id = snapshot.id
