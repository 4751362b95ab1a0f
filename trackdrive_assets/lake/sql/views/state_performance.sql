-- One row per day and state of the caller. It shows where callers are, and what they are worth. The row
-- without a state has the calls whose tags name none.
SELECT
    date,
    caller_state AS state,
    --: The caller's state in capitals, such as CO: the tag state, or else geo_state. Null without both.
    ${measures}
FROM (
    SELECT
        date,
        caller_state,
        ${total}
    FROM (
        SELECT *, upper(regexp_replace(trim(state), '^us-', '', 'i')) AS caller_state
        FROM call_totals
        WHERE group_by = 'state'
    )
    GROUP BY date, caller_state
)
