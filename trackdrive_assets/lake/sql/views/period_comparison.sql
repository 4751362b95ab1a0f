-- One row per comparison of two weeks, and per buyer, traffic source and offer in them. It shows whose
-- conversion rate changed, and whether chance explains it.
WITH complete_days AS MATERIALIZED (
    SELECT date, fetched_at, first_fetched_at
    FROM fetch_log
    WHERE table_name = 'calls' AND fetched_at >= timezone(${time_zone}, CAST(date + 1 AS TIMESTAMP))
),
weeks AS (
    SELECT 'last_7_days' AS comparison, max(date) AS period_end FROM complete_days
    UNION ALL
    -- The last Sunday that is complete.
    SELECT 'last_week', CAST(date_trunc('week', max(date) + 1) AS DATE) - 1 FROM complete_days
),
days AS MATERIALIZED (
    -- Conversions come late, and the day of the week before had a week longer for them. So it counts as it
    -- was known a week before the later day was last fetched. That night's fetch may have been a bit later.
    SELECT
        comparison,
        period_end - 6 AS period_start,
        period_end,
        period_end - days_ago AS later_date,
        period_end - days_ago - 7 AS earlier_date,
        later.date IS NOT NULL AS has_later,
        earlier.date IS NOT NULL AS has_earlier,
        later.fetched_at - INTERVAL 7 DAY + INTERVAL 6 HOUR AS known_until,
        coalesce(earlier.first_fetched_at <= known_until, false) AS has_history
    FROM weeks
    CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6)) AS week(days_ago)
    LEFT JOIN complete_days AS later ON later.date = period_end - days_ago
    LEFT JOIN complete_days AS earlier ON earlier.date = period_end - days_ago - 7
    WHERE period_end IS NOT NULL
),
comparisons AS (
    SELECT
        comparison,
        period_start,
        period_end,
        bool_and(has_later) AS has_later,
        bool_and(has_earlier) AS has_earlier,
        bool_and(has_history) AS has_history
    FROM days
    GROUP BY comparison, period_start, period_end
),
replaced AS (
    -- The value that the first change after that time replaced was known then. It is in a list, so that a
    -- replaced null differs from no change.
    SELECT
        comparison,
        date,
        uuid,
        arg_min([old_value], detected_at) FILTER (field = 'buyer_converted') AS flags,
        arg_min([TRY_CAST(old_value AS DECIMAL(18, 6))], detected_at) FILTER (field = 'revenue') AS revenues,
        arg_min([TRY_CAST(old_value AS DECIMAL(18, 6))], detected_at) FILTER (field = 'buyer_revenue')
            AS buyer_revenues
    FROM call_changes
    JOIN days ON call_changes.date = earlier_date
    WHERE field IN ('buyer_converted', 'revenue', 'buyer_revenue') AND detected_at >= known_until
    GROUP BY comparison, date, uuid
),
corrections AS MATERIALIZED (
    SELECT
        comparison,
        buyer_id,
        coalesce(CAST(buyer_id AS VARCHAR), nullif(user_buyer_id, ''), nullif(buyer, '')) AS buyer_key,
        traffic_source_id,
        coalesce(
            CAST(traffic_source_id AS VARCHAR),
            nullif(user_traffic_source_id, ''),
            nullif(traffic_source, '')
        ) AS traffic_source_key,
        offer_id,
        coalesce(CAST(offer_id AS VARCHAR), nullif(user_offer_id, ''), nullif(offer, '')) AS offer_key,
        CASE WHEN flags IS NULL THEN 0 ELSE CAST(coalesce(flags[1] = 'true', false) AS INTEGER) END
            - CASE WHEN flags IS NULL THEN 0 ELSE CAST(buyer_converted AS INTEGER) END AS converted,
        coalesce(
            CASE WHEN revenues IS NULL THEN revenue ELSE revenues[1] END,
            CASE WHEN buyer_revenues IS NULL THEN buyer_revenue ELSE buyer_revenues[1] END,
            0
        ) - coalesce(revenue, buyer_revenue, 0) AS revenue
    FROM replaced
    -- Not call_facts: to compute the keys of all calls would take longer than everything else.
    JOIN calls USING (date, uuid)
),
totals AS (
    SELECT
        comparison,
        is_earlier,
        date,
        CASE
            WHEN grouping(buyer_key) = 0 THEN 'buyer'
            WHEN grouping(traffic_source_key) = 0 THEN 'traffic_source'
            WHEN grouping(offer_key) = 0 THEN 'offer'
            ELSE 'account'
        END AS dimension,
        -- Only the columns of the grouping set are not null.
        coalesce(buyer_id, traffic_source_id, offer_id) AS id,
        coalesce(buyer_key, traffic_source_key, offer_key) AS key,
        CASE dimension
            WHEN 'buyer' THEN arg_max(buyer, last_call_at)
            WHEN 'traffic_source' THEN arg_max(traffic_source, last_call_at)
            WHEN 'offer' THEN arg_max(offer, last_call_at)
        END AS name,
        ${total}
    FROM call_totals
    JOIN (
        SELECT comparison, later_date AS date, false AS is_earlier FROM days
        UNION ALL
        SELECT comparison, earlier_date, true FROM days
    ) AS periods USING (date)
    WHERE group_by = 'party'
    GROUP BY GROUPING SETS (
        (comparison, is_earlier, date),
        (comparison, is_earlier, date, buyer_id, buyer_key),
        (comparison, is_earlier, date, traffic_source_id, traffic_source_key),
        (comparison, is_earlier, date, offer_id, offer_key)
    )
),
corrections_of_groups AS (
    SELECT comparison, 'account' AS dimension, converted, revenue
    FROM corrections
    UNION ALL BY NAME
    SELECT comparison, 'buyer' AS dimension, buyer_id AS id, buyer_key AS key, converted, revenue
    FROM corrections
    UNION ALL BY NAME
    SELECT
        comparison,
        'traffic_source' AS dimension,
        traffic_source_id AS id,
        traffic_source_key AS key,
        converted,
        revenue
    FROM corrections
    UNION ALL BY NAME
    SELECT comparison, 'offer' AS dimension, offer_id AS id, offer_key AS key, converted, revenue
    FROM corrections
),
sums AS (
    SELECT
        comparison,
        dimension,
        id,
        key,
        -- The name is the latest, so that renaming doesn't split the group.
        arg_max(name, date) AS name,
        coalesce(sum(calls) FILTER (NOT is_earlier), 0) AS calls,
        coalesce(sum(calls) FILTER (is_earlier), 0) AS previous_calls,
        coalesce(sum(converted) FILTER (NOT is_earlier), 0) AS converted,
        coalesce(sum(converted) FILTER (is_earlier), 0) AS previous_converted,
        coalesce(sum(revenue) FILTER (NOT is_earlier), 0) AS revenue,
        coalesce(sum(revenue) FILTER (is_earlier), 0) AS previous_revenue,
        -- A sum with an unknown part is unknown.
        bool_or(converted IS NULL) AS has_unknown_conversions,
        -- If calls converted and none has an amount, the account may not see amounts.
        sum(count(revenue) FILTER (calls > 0)) OVER (PARTITION BY comparison) = 0
            AND sum(sum(converted)) OVER (PARTITION BY comparison) > 0 AS has_unknown_revenue
    FROM (
        SELECT *, revenue_owed AS revenue
        FROM totals
        UNION ALL BY NAME
        SELECT *, true AS is_earlier
        FROM corrections_of_groups
    )
    GROUP BY comparison, dimension, id, key
),
weeks_of_groups AS (
    -- A week with a day that is missing or incomplete has no numbers, because they would look like a drop.
    SELECT
        comparison,
        period_start,
        period_end,
        dimension,
        id,
        key,
        name,
        has_history,
        CASE WHEN has_later THEN CAST(calls AS BIGINT) END AS calls,
        CASE WHEN has_earlier THEN CAST(previous_calls AS BIGINT) END AS previous_calls,
        CASE WHEN has_later AND NOT has_unknown_conversions THEN CAST(converted AS BIGINT) END AS converted,
        CASE WHEN has_earlier AND NOT has_unknown_conversions THEN CAST(previous_converted AS BIGINT) END
            AS previous_converted,
        CASE WHEN has_later AND NOT has_unknown_revenue THEN revenue END AS revenue,
        CASE WHEN has_earlier AND NOT has_unknown_revenue THEN previous_revenue END AS previous_revenue
    FROM sums
    JOIN comparisons USING (comparison)
),
rates AS (
    SELECT
        *,
        converted / nullif(calls, 0) AS conversion_rate,
        previous_converted / nullif(previous_calls, 0) AS previous_conversion_rate,
        conversion_rate - previous_conversion_rate AS conversion_rate_change,
        (converted + previous_converted) / nullif(calls + previous_calls, 0) AS rate_of_both,
        1 / nullif(calls, 0) + 1 / nullif(previous_calls, 0) AS sampling
    FROM weeks_of_groups
),
distances AS (
    -- A test of two proportions, two-sided, with a correction for continuity. The usual rule for it: five
    -- conversions and five other calls are expected in each week.
    SELECT
        *,
        CASE
            WHEN least(calls, previous_calls) * least(rate_of_both, 1 - rate_of_both) >= 5
            THEN greatest(abs(conversion_rate_change) - sampling / 2, 0)
                / sqrt(2 * rate_of_both * (1 - rate_of_both) * sampling)
        END AS distance,
        1 / (1 + 0.3275911 * distance) AS t
    FROM rates
),
tests AS (
    -- This form of the complementary error function (Abramowitz and Stegun, 7.1.26) errs by 0.0000002.
    SELECT
        *,
        exp(-distance * distance) * t * (
            0.254829592
            + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
        ) AS p_value,
        CASE
            WHEN calls IS NULL OR previous_calls IS NULL THEN 'days_incomplete'
            WHEN converted IS NULL THEN 'conversions_unknown'
            WHEN distance IS NULL THEN 'too_few_calls'
            WHEN NOT has_history THEN 'fetched_late'
        END AS reason
    FROM distances
),
ranked AS (
    SELECT
        *,
        p_value * (
            1 + count(p_value) OVER (PARTITION BY comparison, dimension)
            - row_number() OVER (PARTITION BY comparison, dimension ORDER BY p_value NULLS LAST, key)
        ) AS corrected
    FROM tests
)
SELECT
    comparison,
    --: last_7_days: the last seven complete days and the seven before. last_week: the last complete week from
    --: Monday to Sunday, and the week before.
    period_start, --: First day of the later week.
    period_end, --: Last day of the later week.
    dimension, --: What the calls are grouped by: account (all calls), buyer, traffic_source or offer.
    id, --: Trackdrive's id of the buyer, traffic source or offer. Null for calls without one.
    key, --: Identifies the group: the id as text; for the legacy API, the label or the name.
    name, --: Display name of the buyer, traffic source or offer.
    calls, --: The number of calls of the later week. Null if a day of it is missing or incomplete.
    previous_calls, --: The number of calls of the earlier week. Null if a day of it is missing or incomplete.
    converted, --: The number of calls of the later week that the buyer owes for.
    previous_converted,
    --: The number of calls of the earlier week that the buyer owes for, as it was known seven days before
    --: that of the later week. So both weeks had the same time for late conversions, if days are fetched
    --: again every day, as the schedules do.
    conversion_rate, --: Share of the calls of the later week that the buyer owes for, 0 to 1.
    previous_conversion_rate, --: Share of the calls of the earlier week that the buyer owes for, 0 to 1.
    conversion_rate_change, --: The later rate less the earlier one. Below zero: the rate dropped.
    p_value,
    --: How likely chance alone makes the two rates differ at least so much, 0 to 1: a test of two proportions
    --: with a correction for continuity. It takes each call for independent of the others.
    CASE
        WHEN p_value IS NOT NULL
        THEN least(
            1, max(corrected) OVER (PARTITION BY comparison, dimension ORDER BY p_value NULLS LAST, key)
        )
    END AS adjusted_p_value,
    --: p_value, corrected for the number of groups of the dimension that are compared at once (Holm).
    CASE WHEN reason IS NULL THEN adjusted_p_value < 0.05 END AS is_significant,
    --: Whether chance does not explain the change: adjusted_p_value is below 0.05. If nothing changed, a
    --: group of the dimension is significant in at most one comparison of twenty. Null if there is a reason.
    revenue, --: What buyers owe for the calls of the later week, in dollars.
    previous_revenue,
    --: What buyers owed for the calls of the earlier week seven days before, in dollars.
    reason
    --: Why is_significant is null: days_incomplete (a day of the two weeks is missing, or was last fetched
    --: before it was over), conversions_unknown, too_few_calls (less than five conversions or other calls are
    --: expected in a week), or fetched_late (the earlier week was not in the lake seven days before, so its
    --: late conversions are not left out).
FROM ranked
