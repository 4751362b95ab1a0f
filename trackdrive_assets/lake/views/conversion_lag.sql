-- How many days after the call is its revenue known? Share of the final revenue at the end of each day, by buyer.
WITH days_of_buyers AS MATERIALIZED (
    SELECT date, buyer_id, user_buyer_id, buyer, calls, revenue
    FROM buyer_performance
),
evenings AS MATERIALIZED (
    -- The moments of which the lake can tell what was known of a day's calls. It had read them by then: what a
    -- backfill of weeks later found may have been there all the time. And it has read them since, so that what
    -- changed later is known to be later.
    SELECT date, days, evening
    FROM (
        SELECT
            date,
            days,
            timezone(${time_zone}, CAST(date + days + 1 AS TIMESTAMP)) AS evening,
            first_read_at,
            read_at
        FROM readings
        CROSS JOIN (VALUES (0), (1), (2), (7), (30)) AS after_the_call(days)
        WHERE table_name = 'calls'
    )
    WHERE first_read_at <= evening
        AND read_at > evening
        AND date IN (SELECT date FROM days_of_buyers WHERE revenue IS NOT NULL)
),
replaced AS (
    -- What the first change after an evening replaced was known on it. In a list, so that null is a value too.
    SELECT
        date,
        uuid,
        days,
        arg_min([CAST(old_value AS DECIMAL(18, 6))], seen_at) FILTER (field = 'revenue') AS revenues,
        arg_min([CAST(old_value AS DECIMAL(18, 6))], seen_at) FILTER (field = 'buyer_revenue') AS buyer_revenues
    FROM call_changes
    JOIN evenings USING (date)
    WHERE field IN ('revenue', 'buyer_revenue') AND seen_at > evening
    GROUP BY date, uuid, days
)
SELECT
    buyer_id,
    arg_max(user_buyer_id, date) FILTER (days IS NULL) AS user_buyer_id,
    arg_max(buyer, date) FILTER (days IS NULL) AS buyer,
    CAST(sum(calls) AS BIGINT) AS calls,
    sum(revenue) FILTER (days IS NULL) AS final_revenue,
    -- More than all of it, where conversions were taken back.
    sum(known) FILTER (days = 0) / nullif(sum(revenue) FILTER (days = 0), 0) AS known_after_0_days,
    sum(known) FILTER (days = 1) / nullif(sum(revenue) FILTER (days = 1), 0) AS known_after_1_days,
    sum(known) FILTER (days = 2) / nullif(sum(revenue) FILTER (days = 2), 0) AS known_after_2_days,
    sum(known) FILTER (days = 7) / nullif(sum(revenue) FILTER (days = 7), 0) AS known_after_7_days,
    sum(known) FILTER (days = 30) / nullif(sum(revenue) FILTER (days = 30), 0) AS known_after_30_days
FROM (
    SELECT *
    FROM days_of_buyers
    UNION ALL BY NAME
    -- What was known on an evening: all of the final revenue,
    SELECT date, days, buyer_id, user_buyer_id, buyer, revenue, revenue AS known
    FROM days_of_buyers
    JOIN evenings USING (date)
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
