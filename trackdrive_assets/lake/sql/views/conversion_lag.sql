-- One row per buyer. It shows which share of the final revenue was known 0, 1, 2, 7 and 30 days after the
-- call, for days that were fetched again 30 days later.
WITH settled_days AS MATERIALIZED (
    -- Revenue is added and reversed for a month. The look-back fetches a day for the last time on the morning
    -- of the 30th day after it; what it finds then is final.
    SELECT date, first_fetched_at
    FROM fetch_log
    WHERE table_name = 'calls' AND fetched_at >= timezone(${time_zone}, CAST(date + 30 AS TIMESTAMP))
),
buyer_days AS MATERIALIZED (
    SELECT
        date,
        buyer_id,
        user_buyer_id,
        buyer,
        buyer_key,
        calls,
        revenue,
        date IN (SELECT date FROM settled_days) AS is_settled
    FROM buyer_performance
),
day_ends AS MATERIALIZED (
    -- The end of the day that lies `days` days after the call. Only if the lake had fetched the day of the
    -- call by then: what a backfill found weeks later may have been there all the time.
    SELECT date, days, day_end
    FROM (
        SELECT
            date,
            days,
            -- A day is fetched early on the next morning. What is found then happened on the day before,
            -- except in a few hours of the night. So a day ends at six.
            timezone(${time_zone}, CAST(date + days + 1 AS TIMESTAMP) + INTERVAL 6 HOUR) AS day_end,
            first_fetched_at
        FROM settled_days
        CROSS JOIN (VALUES (0), (1), (2), (7), (30)) AS after_the_call(days)
    )
    WHERE first_fetched_at < day_end AND date IN (SELECT date FROM buyer_days WHERE revenue IS NOT NULL)
),
replaced AS (
    -- The value that the first change after the end of a day replaced was known on that day. It is in a list,
    -- so that a replaced null differs from no change.
    SELECT
        date,
        uuid,
        days,
        arg_min([CAST(old_value AS DECIMAL(18, 6))], detected_at) FILTER (field = 'revenue') AS revenues,
        arg_min([CAST(old_value AS DECIMAL(18, 6))], detected_at) FILTER (field = 'buyer_revenue')
            AS buyer_revenues
    FROM call_changes
    JOIN day_ends USING (date)
    WHERE field IN ('revenue', 'buyer_revenue') AND detected_at >= day_end
    GROUP BY date, uuid, days
)
SELECT
    buyer_id,
    arg_max(user_buyer_id, date) FILTER (days IS NULL) AS user_buyer_id,
    arg_max(buyer, date) FILTER (days IS NULL) AS buyer,
    CAST(sum(calls) AS BIGINT) AS calls, --: The number of the buyer's calls in the lake.
    CAST(coalesce(sum(calls) FILTER (is_settled), 0) AS BIGINT) AS settled_calls,
    --: The number of calls of days that were fetched 30 days later. The next columns are about these.
    sum(revenue) FILTER (is_settled) AS final_revenue,
    --: What the buyer owes for the settled calls, in dollars.
    sum(known) FILTER (days = 0) / nullif(sum(revenue) FILTER (days = 0), 0) AS known_after_0_days,
    --: Share of the final revenue that was known on the same day. Above 1 if conversions were reversed later.
    sum(known) FILTER (days = 1) / nullif(sum(revenue) FILTER (days = 1), 0) AS known_after_1_days,
    --: Share of the final revenue that was known a day later. Above 1 if conversions were reversed later.
    sum(known) FILTER (days = 2) / nullif(sum(revenue) FILTER (days = 2), 0) AS known_after_2_days,
    --: Share of the final revenue that was known two days later. Above 1 if conversions were reversed later.
    sum(known) FILTER (days = 7) / nullif(sum(revenue) FILTER (days = 7), 0) AS known_after_7_days,
    --: Share of the final revenue that was known a week later. Above 1 if conversions were reversed later.
    sum(known) FILTER (days = 30) / nullif(sum(revenue) FILTER (days = 30), 0) AS known_after_30_days
    --: Share of the final revenue that was known 30 days later. Above 1 if conversions were reversed later.
FROM (
    SELECT *
    FROM buyer_days
    UNION ALL BY NAME
    -- At the end of a day, all of the final revenue was known,
    SELECT date, days, buyer_id, user_buyer_id, buyer, buyer_key, revenue, revenue AS known
    FROM buyer_days
    JOIN day_ends USING (date)
    UNION ALL BY NAME
    -- except for the calls whose revenue has changed since. Each belongs to its present buyer. A call that
    -- vanished has no buyer and no final revenue, so it counts nowhere.
    SELECT
        date,
        days,
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
GROUP BY buyer_id, buyer_key
