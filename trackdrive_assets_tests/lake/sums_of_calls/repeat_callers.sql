-- One row per caller and buyer, for callers who called more than once or whom the API flags as repeat
-- callers. It shows who keeps calling, and how often a buyer pays for the same person.
SELECT
    nullif(caller_number, '') AS caller_number,
    --: The caller's number in E.164 form. Null where it is withheld or not stored: the row has the calls that
    --: the API flags as repeat.
    buyer_id,
    arg_max(user_buyer_id, created_at) AS user_buyer_id,
    arg_max(buyer, created_at) AS buyer,
    count(*) AS calls,
    --: The number of the caller's calls that reached this buyer; without a buyer, how many reached none.
    any_value(calls_of_caller) AS calls_of_caller,
    --: The number of all calls of the caller. Null where the number is unknown.
    CASE
        WHEN count(*) FILTER (connected) > 0 OR count(*) FILTER (answered) = 0
        THEN count(*) FILTER (connected)
    END AS connected,
    --: The number of calls that were put through to the buyer, answered or not. Null where the numbers are
    --: not stored.
    CAST(sum(CAST(buyer_converted AS INTEGER)) AS BIGINT) AS converted,
    --: The number of calls that the buyer owes for; above 1, the same person was sold more than once. Null
    --: where the account doesn't see conversions.
    CASE
        WHEN count(revenue_owed) > 0 OR converted = 0
        THEN coalesce(sum(revenue_owed), 0)
    END AS revenue, --: What the buyer owes for them, in dollars. Null where the account may not see amounts.
    CAST(sum(CAST(is_repeat AS INTEGER)) AS BIGINT) AS repeat_calls,
    --: The number of calls that the API flags: the buyer or the source had the caller before. Null without
    --: these flags.
    count(DISTINCT traffic_source_key) AS traffic_sources,
    --: The number of traffic sources that brought them.
    min(created_at) AS first_call_at, --: When the first of them started.
    max(created_at) AS last_call_at --: When the last of them started.
FROM call_facts
LEFT JOIN (
    SELECT caller_number, count(*) AS calls_of_caller
    FROM calls
    WHERE caller_number <> ''
    GROUP BY caller_number
    HAVING count(*) > 1
) USING (caller_number)
WHERE calls_of_caller > 1 OR is_repeat
GROUP BY nullif(caller_number, ''), buyer_id, buyer_key
