-- One row per call and half-month in which its revenue or payout changed, after its own half-month was over.
-- It shows what to settle with the buyer or the traffic source on the statement of that later half-month.
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
        -- A call that vanished lost these too.
        arg_max(old_value, detected_at) FILTER (field = 'buyer_id') AS last_buyer_id,
        arg_max(old_value, detected_at) FILTER (field = 'user_buyer_id') AS last_user_buyer_id,
        arg_max(old_value, detected_at) FILTER (field = 'buyer') AS last_buyer,
        arg_max(old_value, detected_at) FILTER (field = 'traffic_source_id') AS last_traffic_source_id,
        arg_max(old_value, detected_at) FILTER (field = 'user_traffic_source_id')
            AS last_user_traffic_source_id,
        arg_max(old_value, detected_at) FILTER (field = 'traffic_source') AS last_traffic_source,
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
            last_value(last_buyer_id IGNORE NULLS) OVER of_call AS last_buyer_id,
            last_value(last_user_buyer_id IGNORE NULLS) OVER of_call AS last_user_buyer_id,
            last_value(last_buyer IGNORE NULLS) OVER of_call AS last_buyer,
            last_value(last_traffic_source_id IGNORE NULLS) OVER of_call AS last_traffic_source_id,
            last_value(last_user_traffic_source_id IGNORE NULLS) OVER of_call AS last_user_traffic_source_id,
            last_value(last_traffic_source IGNORE NULLS) OVER of_call AS last_traffic_source
        )
    FROM half_months
    WINDOW
        from_here AS (
            PARTITION BY date, uuid ORDER BY statement_start ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ),
        of_call AS (
            PARTITION BY date, uuid
            ORDER BY statement_start ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
),
amounts AS (
    SELECT
        known.*,
        calls.uuid IS NULL AS has_vanished,
        CASE WHEN has_vanished THEN CAST(last_buyer_id AS BIGINT) ELSE buyer_id END AS buyer_id,
        CASE WHEN has_vanished THEN last_user_buyer_id ELSE user_buyer_id END AS user_buyer_id,
        CASE WHEN has_vanished THEN last_buyer ELSE buyer END AS buyer,
        CASE
            WHEN has_vanished THEN CAST(last_traffic_source_id AS BIGINT) ELSE traffic_source_id
        END AS traffic_source_id,
        CASE WHEN has_vanished THEN last_user_traffic_source_id ELSE user_traffic_source_id END
            AS user_traffic_source_id,
        CASE WHEN has_vanished THEN last_traffic_source ELSE traffic_source END AS traffic_source,
        coalesce(
            CASE WHEN revenues IS NULL THEN revenue ELSE revenues[1] END,
            CASE WHEN buyer_revenues IS NULL THEN buyer_revenue ELSE buyer_revenues[1] END,
            0
        ) AS revenue_before,
        coalesce(revenue, buyer_revenue, 0) AS revenue_now,
        coalesce(
            CASE WHEN payouts IS NULL THEN payout ELSE payouts[1] END,
            CASE
                WHEN traffic_source_payouts IS NULL THEN traffic_source_payout
                ELSE traffic_source_payouts[1]
            END,
            0
        ) AS payout_before,
        coalesce(payout, traffic_source_payout, 0) AS payout_now
    FROM known
    -- Not call_facts: to compute the keys of all calls would take longer than everything else.
    LEFT JOIN calls ON calls.date = known.date AND calls.uuid = known.uuid
)
SELECT
    period_start,
    period_end,
    statement_start,
    --: First day of the later half-month in which the change was detected. Its statement has the adjustment.
    date,
    uuid, --: The call that changed, the same in every export.
    created_at, --: When the call started.
    buyer_id, --: Trackdrive's id of the buyer who has the call now. If the call vanished: of the last buyer.
    buyer, --: Display name of that buyer.
    coalesce(CAST(buyer_id AS VARCHAR), nullif(user_buyer_id, ''), nullif(buyer, '')) AS buyer_key,
    --: Identifies that buyer, as in the other views.
    traffic_source_id,
    --: Trackdrive's id of the traffic source that has the call now. If the call vanished: of the last source.
    traffic_source, --: Display name of that traffic source.
    coalesce(
        CAST(traffic_source_id AS VARCHAR),
        nullif(user_traffic_source_id, ''),
        nullif(traffic_source, '')
    ) AS traffic_source_key,
    --: Identifies that traffic source, as in the other views.
    revenue_before, --: What the buyer owed before these changes, in dollars.
    revenue_after, --: What the buyer owed after them, in dollars.
    CAST(revenue_after - revenue_before AS DECIMAL(18, 6)) AS revenue_adjustment,
    --: What to add to the buyer's invoice, in dollars. Below zero: a credit.
    payout_before, --: What the traffic source was owed before these changes, in dollars.
    payout_after, --: What the traffic source was owed after them, in dollars.
    CAST(payout_after - payout_before AS DECIMAL(18, 6)) AS payout_adjustment,
    --: What to add to the traffic source's payment, in dollars. Below zero: an amount to hold back.
    detected_at --: When the last of these changes was detected.
FROM (
    SELECT
        *,
        coalesce(lead(revenue_before) OVER of_call, revenue_now) AS revenue_after,
        coalesce(lead(payout_before) OVER of_call, payout_now) AS payout_after
    FROM amounts
    WINDOW of_call AS (PARTITION BY date, uuid ORDER BY statement_start)
)
WHERE revenue_before <> revenue_after OR payout_before <> payout_after
