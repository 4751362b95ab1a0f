-- One row per call and half-month in which its revenue or payout changed, after its own half-month was over.
-- It shows what to settle with the buyer or the traffic source on the statement of that later half-month. A
-- call that moved to another one has two rows: the former loses all, and the present one gets all.
WITH late_changes AS (
    SELECT
        date,
        uuid,
        created_at,
        field,
        old_value,
        TRY_CAST(old_value AS DECIMAL(18, 6)) AS amount,
        detected_at,
        statement_start,
        ${half_month}
    FROM call_changes
    JOIN (
        -- All changes of one fetch have the same detected_at, so one conversion to the local date is enough.
        -- A day is fetched early on the next morning, and what is found then happened on the day before. So a
        -- day ends at six.
        SELECT
            detected_at,
            detected_on,
            CAST(date_trunc('month', detected_on) AS DATE)
                + CASE WHEN day(detected_on) <= 15 THEN 0 ELSE 15 END AS statement_start
        FROM (
            SELECT
                detected_at,
                CAST(timezone(${time_zone}, detected_at) - INTERVAL 6 HOUR AS DATE) AS detected_on
            FROM call_changes
            GROUP BY detected_at
        )
    ) USING (detected_at)
    WHERE field IN (
        'revenue', 'buyer_revenue', 'payout', 'traffic_source_payout',
        'buyer_id', 'user_buyer_id', 'buyer', 'traffic_source_id', 'user_traffic_source_id', 'traffic_source'
    )
        AND detected_on > period_end
),
half_months AS (
    -- The value that the first change in a half-month replaced was known before it. It is in a list, so that
    -- a replaced null differs from no change.
    SELECT
        date,
        uuid,
        period_start,
        period_end,
        statement_start,
        min(created_at) AS created_at,
        arg_min([amount], detected_at) FILTER (field = 'revenue') AS revenues,
        arg_min([amount], detected_at) FILTER (field = 'buyer_revenue') AS buyer_revenues,
        arg_min([amount], detected_at) FILTER (field = 'payout') AS payouts,
        arg_min([amount], detected_at) FILTER (field = 'traffic_source_payout') AS traffic_source_payouts,
        arg_min([old_value], detected_at) FILTER (field = 'buyer_id') AS buyer_ids,
        arg_min([old_value], detected_at) FILTER (field = 'user_buyer_id') AS user_buyer_ids,
        arg_min([old_value], detected_at) FILTER (field = 'buyer') AS buyers,
        arg_min([old_value], detected_at) FILTER (field = 'traffic_source_id') AS traffic_source_ids,
        arg_min([old_value], detected_at) FILTER (field = 'user_traffic_source_id')
            AS user_traffic_source_ids,
        arg_min([old_value], detected_at) FILTER (field = 'traffic_source') AS traffic_sources,
        max(detected_at) AS detected_at
    FROM late_changes
    GROUP BY date, uuid, period_start, period_end, statement_start
),
known AS (
    -- A value that did not change in a half-month is what a later half-month replaced, or the present value.
    SELECT
        * REPLACE (
            first_value(revenues IGNORE NULLS) OVER from_here AS revenues,
            first_value(buyer_revenues IGNORE NULLS) OVER from_here AS buyer_revenues,
            first_value(payouts IGNORE NULLS) OVER from_here AS payouts,
            first_value(traffic_source_payouts IGNORE NULLS) OVER from_here AS traffic_source_payouts,
            first_value(buyer_ids IGNORE NULLS) OVER from_here AS buyer_ids,
            first_value(user_buyer_ids IGNORE NULLS) OVER from_here AS user_buyer_ids,
            first_value(buyers IGNORE NULLS) OVER from_here AS buyers,
            first_value(traffic_source_ids IGNORE NULLS) OVER from_here AS traffic_source_ids,
            first_value(user_traffic_source_ids IGNORE NULLS) OVER from_here AS user_traffic_source_ids,
            first_value(traffic_sources IGNORE NULLS) OVER from_here AS traffic_sources
        )
    FROM half_months
    WINDOW
        from_here AS (
            PARTITION BY date, uuid ORDER BY statement_start ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        )
),
before AS (
    -- What the call was before the changes of the half-month, and what it is now.
    SELECT
        known.*,
        call_facts.uuid IS NULL AS is_missing,
        {
            'id': CASE WHEN buyer_ids IS NULL THEN buyer_id ELSE TRY_CAST(buyer_ids[1] AS BIGINT) END,
            'label': CASE WHEN user_buyer_ids IS NULL THEN user_buyer_id ELSE user_buyer_ids[1] END,
            'name': CASE WHEN buyers IS NULL THEN buyer ELSE buyers[1] END
        } AS buyer_before,
        {'id': buyer_id, 'label': user_buyer_id, 'name': buyer} AS buyer_now,
        {
            'id': CASE
                WHEN traffic_source_ids IS NULL THEN traffic_source_id
                ELSE TRY_CAST(traffic_source_ids[1] AS BIGINT)
            END,
            'label': CASE
                WHEN user_traffic_source_ids IS NULL THEN user_traffic_source_id
                ELSE user_traffic_source_ids[1]
            END,
            'name': CASE WHEN traffic_sources IS NULL THEN traffic_source ELSE traffic_sources[1] END
        } AS source_before,
        {'id': traffic_source_id, 'label': user_traffic_source_id, 'name': traffic_source} AS source_now,
        coalesce(
            CASE WHEN revenues IS NULL THEN revenue ELSE revenues[1] END,
            CASE WHEN buyer_revenues IS NULL THEN buyer_revenue ELSE buyer_revenues[1] END,
            0
        ) AS old_revenue,
        coalesce(revenue_owed, 0) AS present_revenue,
        coalesce(
            CASE WHEN payouts IS NULL THEN payout ELSE payouts[1] END,
            CASE
                WHEN traffic_source_payouts IS NULL THEN traffic_source_payout
                ELSE traffic_source_payouts[1]
            END,
            0
        ) AS old_payout,
        coalesce(payout_owed, 0) AS present_payout
    FROM known
    LEFT JOIN call_facts ON call_facts.date = known.date AND call_facts.uuid = known.uuid
),
steps AS (
    SELECT
        *,
        -- A call that vanished has lost its buyer and its source together.
        is_missing AND lead(date) OVER of_call IS NULL AS has_vanished,
        coalesce(lead(buyer_before) OVER of_call, buyer_now) AS buyer_after,
        coalesce(lead(source_before) OVER of_call, source_now) AS source_after,
        coalesce(lead(old_revenue) OVER of_call, present_revenue) AS new_revenue,
        coalesce(lead(old_payout) OVER of_call, present_payout) AS new_payout
    FROM before
    WINDOW of_call AS (PARTITION BY date, uuid ORDER BY statement_start)
),
keys AS (
    SELECT
        *,
        coalesce(
            CAST(buyer_before.id AS VARCHAR), nullif(buyer_before.label, ''), nullif(buyer_before.name, '')
        ) AS buyer_key_before,
        coalesce(
            CAST(buyer_after.id AS VARCHAR), nullif(buyer_after.label, ''), nullif(buyer_after.name, '')
        ) AS buyer_key_after,
        coalesce(
            CAST(source_before.id AS VARCHAR), nullif(source_before.label, ''), nullif(source_before.name, '')
        ) AS source_key_before,
        coalesce(
            CAST(source_after.id AS VARCHAR), nullif(source_after.label, ''), nullif(source_after.name, '')
        ) AS source_key_after,
        has_vanished OR buyer_key_before IS DISTINCT FROM buyer_key_after AS has_moved_buyer,
        has_vanished OR source_key_before IS DISTINCT FROM source_key_after AS has_moved_source
    FROM steps
)
SELECT
    period_start,
    period_end,
    statement_start,
    --: First day of the later half-month in which the change was detected. Its statement has the adjustment.
    date,
    uuid, --: The call that changed, the same in every export.
    created_at, --: When the call started.
    CASE WHEN is_former THEN buyer_before.id ELSE buyer_after.id END AS buyer_id,
    --: Trackdrive's id of the buyer whom the adjustment is for: the one after the changes, or the former one.
    CASE WHEN is_former THEN buyer_before.name ELSE buyer_after.name END AS buyer,
    --: Display name of that buyer.
    CASE WHEN is_former THEN buyer_key_before ELSE buyer_key_after END AS buyer_key,
    --: Identifies that buyer, as in the other views.
    CASE WHEN is_former THEN source_before.id ELSE source_after.id END AS traffic_source_id,
    --: Trackdrive's id of the traffic source whom the adjustment is for: the one after the changes, or the
    --: former one.
    CASE WHEN is_former THEN source_before.name ELSE source_after.name END AS traffic_source,
    --: Display name of that traffic source.
    CASE WHEN is_former THEN source_key_before ELSE source_key_after END AS traffic_source_key,
    --: Identifies that traffic source, as in the other views.
    CASE WHEN is_former = has_moved_buyer THEN old_revenue ELSE 0 END AS revenue_before,
    --: What that buyer owed before these changes, in dollars.
    CASE WHEN is_former THEN 0 ELSE new_revenue END AS revenue_after,
    --: What that buyer owed after them, in dollars.
    CAST(revenue_after - revenue_before AS DECIMAL(18, 6)) AS revenue_adjustment,
    --: What to add to the buyer's invoice, in dollars. Below zero: a credit.
    CASE WHEN is_former = has_moved_source THEN old_payout ELSE 0 END AS payout_before,
    --: What that traffic source was owed before these changes, in dollars.
    CASE WHEN is_former THEN 0 ELSE new_payout END AS payout_after,
    --: What that traffic source was owed after them, in dollars.
    CAST(payout_after - payout_before AS DECIMAL(18, 6)) AS payout_adjustment,
    --: What to add to the traffic source's payment, in dollars. Below zero: an amount to hold back.
    detected_at --: When the last of these changes was detected.
FROM keys
CROSS JOIN (VALUES (false), (true)) AS rows_of_call(is_former)
WHERE (NOT is_former OR has_moved_buyer OR has_moved_source)
    AND (revenue_before <> revenue_after OR payout_before <> payout_after)
