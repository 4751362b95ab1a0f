-- One row per buyer and number of days after the call (0, 1, 2, 7 and 30), as soon as that was measured. It
-- shows which share of the revenue was known by then.
WITH measured AS MATERIALIZED (
    -- The end of the day that lies `days_after` days after the call, if the lake had fetched the day of the
    -- call by then, and again since: what a backfill found weeks later may have been there all the time.
    SELECT date, days_after, day_end, is_final
    FROM (
        SELECT
            date,
            days_after,
            -- A day is fetched early on the next morning. What is found then happened on the day before,
            -- except in a few hours of the night. So a day ends at six.
            timezone(${time_zone}, CAST(date + days_after + 1 AS TIMESTAMP) + INTERVAL 6 HOUR) AS day_end,
            fetched_at >= timezone(${time_zone}, CAST(date + 30 AS TIMESTAMP)) AS is_final,
            first_fetched_at,
            fetched_at
        FROM fetch_log
        CROSS JOIN (VALUES (0), (1), (2), (7), (30)) AS horizons(days_after)
        WHERE table_name = 'calls'
    )
    WHERE first_fetched_at < day_end AND fetched_at >= day_end
),
buyer_days AS MATERIALIZED (
    SELECT date, buyer_id, user_buyer_id, buyer, buyer_key, calls, revenue
    FROM buyer_performance
    WHERE revenue IS NOT NULL
),
replaced AS (
    -- The value that the first change after the end of a day replaced was known on that day. It is in a list,
    -- so that a replaced null differs from no change.
    SELECT
        date,
        uuid,
        days_after,
        is_final,
        arg_min([CAST(old_value AS DECIMAL(18, 6))], detected_at) FILTER (field = 'revenue') AS revenues,
        arg_min([CAST(old_value AS DECIMAL(18, 6))], detected_at) FILTER (field = 'buyer_revenue')
            AS buyer_revenues
    FROM call_changes
    JOIN measured USING (date)
    WHERE field IN ('revenue', 'buyer_revenue')
        AND detected_at >= day_end
        AND date IN (SELECT date FROM buyer_days)
    GROUP BY date, uuid, days_after, is_final
)
SELECT
    buyer_id,
    arg_max(user_buyer_id, date) AS user_buyer_id,
    arg_max(buyer, date) AS buyer,
    days_after, --: The number of days after the day of the call: 0 is the end of the same day.
    is_final,
    --: Whether the calls were last fetched on the 30th day after their day or later, so that their revenue is
    --: final. The days that are not final yet have rows of their own.
    CAST(sum(calls) AS BIGINT) AS calls,
    --: The number of calls of the days that were fetched by then, and again later. So each number of days
    --: after the call can be about other calls.
    sum(known) AS known_revenue, --: What was known by then that the buyer owes for them, in dollars.
    sum(revenue) AS revenue, --: What the buyer owes for them by their last fetch, in dollars.
    known_revenue / nullif(sum(revenue), 0) AS known_share
    --: Share of the revenue that was known by then. Above 1 if conversions were reversed later. Null without
    --: revenue. A change counts from the fetch that found it, so the share is too low if the days were not
    --: fetched again every day, as the schedules do.
FROM (
    -- At the end of a day, all of the revenue was known,
    SELECT
        date,
        days_after,
        is_final,
        buyer_id,
        user_buyer_id,
        buyer,
        buyer_key,
        calls,
        revenue,
        revenue AS known
    FROM buyer_days
    JOIN measured USING (date)
    UNION ALL BY NAME
    -- except for the calls whose revenue has changed since. Each belongs to its present buyer. A call that
    -- vanished has no buyer and no revenue, so it counts nowhere.
    SELECT
        date,
        days_after,
        replaced.is_final,
        buyer_id,
        user_buyer_id,
        buyer,
        buyer_key,
        coalesce(
            CASE WHEN revenues IS NULL THEN revenue ELSE revenues[1] END,
            CASE WHEN buyer_revenues IS NULL THEN buyer_revenue ELSE buyer_revenues[1] END,
            0
        ) - coalesce(revenue_owed, 0) AS known
    FROM replaced
    JOIN call_facts USING (date, uuid)
)
GROUP BY buyer_id, buyer_key, days_after, is_final
