-- A row is a buyer. It tells what share of the final revenue was known 0, 1, 2, 7 and 30 days after the call, of days that were read 30 days later.
WITH settled_days AS MATERIALIZED (
    -- Revenue comes and is taken back for a month. The look-back reads a day for the last time on the morning of the
    -- 30th day after it; what it finds then is final.
    SELECT date, first_fetched_at
    FROM fetch_log
    WHERE table_name = 'calls' AND fetched_at >= timezone(${time_zone}, CAST(date + 30 AS TIMESTAMP))
),
days_of_buyers AS MATERIALIZED (
    SELECT
        date,
        buyer_id,
        user_buyer_id,
        buyer,
        calls,
        revenue,
        date IN (SELECT date FROM settled_days) AS settled
    FROM buyer_performance
),
day_ends AS MATERIALIZED (
    -- When the day so many days after the call was over for whoever reads it, where the lake had read the call's day
    -- by then: what a backfill of weeks later found may have been there all the time.
    SELECT date, days, day_end
    FROM (
        SELECT
            date,
            days,
            -- A day is read early the next morning, and what is found then happened on the day before, but for a few
            -- hours of night. So a day ends at six.
            timezone(${time_zone}, CAST(date + days + 1 AS TIMESTAMP) + INTERVAL 6 HOUR) AS day_end,
            first_fetched_at
        FROM settled_days
        CROSS JOIN (VALUES (0), (1), (2), (7), (30)) AS after_the_call(days)
    )
    WHERE first_fetched_at < day_end AND date IN (SELECT date FROM days_of_buyers WHERE revenue IS NOT NULL)
),
replaced AS (
    -- What the first change after the end of a day replaced was known on it. In a list, so that null is a value too.
    SELECT
        date,
        uuid,
        days,
        arg_min([CAST(old_value AS DECIMAL(18, 6))], detected_at) FILTER (field = 'revenue') AS revenues,
        arg_min([CAST(old_value AS DECIMAL(18, 6))], detected_at) FILTER (field = 'buyer_revenue') AS buyer_revenues
    FROM call_changes
    JOIN day_ends USING (date)
    WHERE field IN ('revenue', 'buyer_revenue') AND detected_at >= day_end
    GROUP BY date, uuid, days
)
SELECT
    buyer_id,
    arg_max(user_buyer_id, date) FILTER (days IS NULL) AS user_buyer_id,
    arg_max(buyer, date) FILTER (days IS NULL) AS buyer,
    CAST(sum(calls) AS BIGINT) AS calls, --: How many calls of the buyer the lake has.
    CAST(coalesce(sum(calls) FILTER (settled), 0) AS BIGINT) AS settled_calls, --: How many of them are of days read 30 days later: only these are in the numbers that follow.
    sum(revenue) FILTER (settled) AS final_revenue, --: What the buyer owes for the settled calls, in dollars.
    -- More than all of it, where conversions were taken back.
    sum(known) FILTER (days = 0) / nullif(sum(revenue) FILTER (days = 0), 0) AS known_after_0_days, --: Share of the final revenue that was known when the call's day was over; above 1 where conversions were taken back.
    sum(known) FILTER (days = 1) / nullif(sum(revenue) FILTER (days = 1), 0) AS known_after_1_days, --: Share of the final revenue that was known a day later; above 1 where conversions were taken back.
    sum(known) FILTER (days = 2) / nullif(sum(revenue) FILTER (days = 2), 0) AS known_after_2_days, --: Share of the final revenue that was known two days later; above 1 where conversions were taken back.
    sum(known) FILTER (days = 7) / nullif(sum(revenue) FILTER (days = 7), 0) AS known_after_7_days, --: Share of the final revenue that was known a week later; above 1 where conversions were taken back.
    sum(known) FILTER (days = 30) / nullif(sum(revenue) FILTER (days = 30), 0) AS known_after_30_days --: Share of the final revenue that was known 30 days later; above 1 where conversions were taken back.
FROM (
    SELECT *
    FROM days_of_buyers
    UNION ALL BY NAME
    -- What was known at the end of a day: all of the final revenue,
    SELECT date, days, buyer_id, user_buyer_id, buyer, revenue, revenue AS known
    FROM days_of_buyers
    JOIN day_ends USING (date)
    UNION ALL BY NAME
    -- but for the calls whose revenue has changed since. Each belongs to its present buyer. One that has vanished
    -- belongs to nobody and has no final revenue to be a share of: it counts nowhere.
    SELECT
        date,
        days,
        buyer_id,
        user_buyer_id,
        buyer,
        coalesce(
            CASE WHEN revenues IS NULL THEN revenue ELSE revenues[1] END,
            CASE WHEN buyer_revenues IS NULL THEN buyer_revenue ELSE buyer_revenues[1] END,
            0
        ) - coalesce(revenue, buyer_revenue, 0) AS known
    FROM replaced
    JOIN calls USING (date, uuid)
)
GROUP BY ${same_buyer}
