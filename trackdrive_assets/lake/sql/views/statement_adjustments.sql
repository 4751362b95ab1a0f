-- One row per call whose revenue or payout changed after its half-month was over. It shows what to settle
-- with the buyer or the traffic source on a later statement.
WITH changed AS (
    -- The value that the first change after the period replaced was in the statement. It is in a list, so
    -- that a replaced null differs from no change.
    SELECT
        date,
        uuid,
        period_start,
        period_end,
        min(created_at) AS created_at,
        arg_min([amount], detected_at) FILTER (field = 'revenue') AS revenues,
        arg_min([amount], detected_at) FILTER (field = 'buyer_revenue') AS buyer_revenues,
        arg_min([amount], detected_at) FILTER (field = 'payout') AS payouts,
        arg_min([amount], detected_at) FILTER (field = 'traffic_source_payout') AS traffic_source_payouts,
        -- A call that vanished lost these too.
        arg_max(old_value, detected_at) FILTER (field = 'buyer_id') AS last_buyer_id,
        arg_max(old_value, detected_at) FILTER (field = 'buyer') AS last_buyer,
        arg_max(old_value, detected_at) FILTER (field = 'traffic_source_id') AS last_traffic_source_id,
        arg_max(old_value, detected_at) FILTER (field = 'traffic_source') AS last_traffic_source,
        max(detected_at) AS detected_at
    FROM (
        SELECT
            *,
            TRY_CAST(old_value AS DECIMAL(18, 6)) AS amount,
            ${half_month}
        FROM call_changes
        WHERE field IN (
            'revenue', 'buyer_revenue', 'payout', 'traffic_source_payout',
            'buyer_id', 'buyer', 'traffic_source_id', 'traffic_source'
        )
    )
    -- A day is fetched early on the next morning, and what is found then happened on the day before. So a
    -- period ends at six.
    WHERE detected_at >= timezone(${time_zone}, CAST(period_end + 1 AS TIMESTAMP) + INTERVAL 6 HOUR)
    GROUP BY date, uuid, period_start, period_end
)
SELECT
    period_start,
    period_end,
    date,
    uuid, --: The call that changed, the same in every export.
    created_at, --: When the call started.
    buyer_id, --: Trackdrive's id of the buyer who has the call now. If the call vanished: of the last buyer.
    buyer, --: Display name of that buyer.
    traffic_source_id,
    --: Trackdrive's id of the traffic source that has the call now. If the call vanished: of the last source.
    traffic_source, --: Display name of that traffic source.
    revenue_before, --: What the buyer owed when the half-month was over, in dollars.
    revenue_now, --: What the buyer owes now, in dollars.
    CAST(revenue_now - revenue_before AS DECIMAL(18, 6)) AS revenue_adjustment,
    --: What to add to the buyer's invoice, in dollars. Below zero: a credit.
    payout_before, --: What the traffic source was owed when the half-month was over, in dollars.
    payout_now, --: What the traffic source is owed now, in dollars.
    CAST(payout_now - payout_before AS DECIMAL(18, 6)) AS payout_adjustment,
    --: What to add to the traffic source's payment, in dollars. Below zero: an amount to hold back.
    detected_at --: When the last change of the call was detected.
FROM (
    SELECT
        changed.*,
        CASE WHEN call_facts.uuid IS NULL THEN CAST(last_buyer_id AS BIGINT) ELSE buyer_id END AS buyer_id,
        CASE WHEN call_facts.uuid IS NULL THEN last_buyer ELSE buyer END AS buyer,
        CASE
            WHEN call_facts.uuid IS NULL THEN CAST(last_traffic_source_id AS BIGINT)
            ELSE traffic_source_id
        END AS traffic_source_id,
        CASE WHEN call_facts.uuid IS NULL THEN last_traffic_source ELSE traffic_source END AS traffic_source,
        coalesce(
            CASE WHEN revenues IS NULL THEN revenue ELSE revenues[1] END,
            CASE WHEN buyer_revenues IS NULL THEN buyer_revenue ELSE buyer_revenues[1] END,
            0
        ) AS revenue_before,
        coalesce(revenue_owed, 0) AS revenue_now,
        coalesce(
            CASE WHEN payouts IS NULL THEN payout ELSE payouts[1] END,
            CASE
                WHEN traffic_source_payouts IS NULL THEN traffic_source_payout
                ELSE traffic_source_payouts[1]
            END,
            0
        ) AS payout_before,
        coalesce(payout_owed, 0) AS payout_now
    FROM changed
    LEFT JOIN call_facts ON call_facts.date = changed.date AND call_facts.uuid = changed.uuid
)
WHERE revenue_before <> revenue_now OR payout_before <> payout_now
