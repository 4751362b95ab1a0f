-- One row per caller and buyer, for callers who called more than once or whom the API flags as repeat
-- callers. It shows who keeps calling, and how often a buyer pays for the same person.
SELECT
    caller_number,
    --: The caller's number in E.164 form. Null where it is withheld or not stored: the row has the calls that
    --: the API flags as repeat.
    buyer_id,
    user_buyer_id,
    buyer,
    calls,
    --: The number of the caller's calls that reached this buyer; without a buyer, how many reached none.
    CASE WHEN calls_of_number > 1 THEN calls_of_number END AS calls_of_caller,
    --: The number of all calls of the caller. Null where the number is unknown, or called only once.
    CASE WHEN connected > 0 OR answered = 0 THEN connected END AS connected,
    --: The number of calls that were put through to the buyer, answered or not. Null where the numbers are
    --: not stored.
    converted,
    --: The number of calls that the buyer owes for; above 1, the same person was sold more than once. Null
    --: where the account doesn't see conversions.
    CASE WHEN revenue_owed IS NOT NULL OR converted = 0 THEN coalesce(revenue_owed, 0) END AS revenue,
    --: What the buyer owes for them, in dollars. Null where the account may not see amounts.
    repeat_calls,
    --: The number of calls that the API flags: the buyer or the source had the caller before. Null without
    --: these flags.
    traffic_sources, --: The number of traffic sources that brought them.
    first_call_at, --: When the first of them started.
    last_call_at --: When the last of them started.
FROM (
    SELECT
        *,
        CASE
            WHEN caller_number IS NOT NULL
            THEN CAST(sum(calls) OVER (PARTITION BY caller_number) AS BIGINT)
        END AS calls_of_number
    FROM (
        SELECT
            caller_number,
            buyer_id,
            -- The name is the latest, so that renaming doesn't split the group.
            arg_max(user_buyer_id, last_call_at) AS user_buyer_id,
            arg_max(buyer, last_call_at) AS buyer,
            CAST(sum(calls) AS BIGINT) AS calls,
            CAST(sum(connected) AS BIGINT) AS connected,
            CAST(sum(answered) AS BIGINT) AS answered,
            CAST(sum(converted) AS BIGINT) AS converted,
            sum(revenue_owed) AS revenue_owed,
            CAST(sum(repeat_calls) AS BIGINT) AS repeat_calls,
            count(DISTINCT traffic_source_key) AS traffic_sources,
            min(first_call_at) AS first_call_at,
            max(last_call_at) AS last_call_at
        FROM (
            -- By the names as well, because they are few: comparing the times of all calls would take longer.
            SELECT
                nullif(caller_number, '') AS caller_number,
                buyer_id,
                user_buyer_id,
                buyer,
                any_value(buyer_key) AS buyer_key,
                traffic_source_key,
                count(*) AS calls,
                count(*) FILTER (connected) AS connected,
                count(*) FILTER (answered) AS answered,
                sum(CAST(buyer_converted AS INTEGER)) AS converted,
                sum(revenue_owed) AS revenue_owed,
                sum(CAST(is_repeat AS INTEGER)) AS repeat_calls,
                min(created_at) AS first_call_at,
                max(created_at) AS last_call_at
            FROM call_facts
            -- Without a number, only the flag shows a repeat call.
            WHERE caller_number <> '' OR is_repeat
            GROUP BY nullif(caller_number, ''), buyer_id, user_buyer_id, buyer, traffic_source_key
        )
        GROUP BY caller_number, buyer_id, buyer_key
    )
)
-- A number that called once has one group with that call.
WHERE calls_of_number > 1 OR repeat_calls > 0
