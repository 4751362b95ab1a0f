-- One row per half-month and traffic source. It shows what the source is owed, as the calls are now, and
-- nothing that a source must not see. The row without a source has the calls of none.
-- party: traffic_source
-- amount: payout
SELECT
    period_start,
    period_end,
    traffic_source_id, --: Trackdrive's id of the traffic source.
    user_traffic_source_id,
    traffic_source, --: Display name of the traffic source, the latest of the half-month.
    calls,
    traffic_source_conversions,
    payout,
    payout / nullif(traffic_source_conversions, 0) AS payout_per_conversion,
    --: What a conversion earned the source on average, in dollars. Null without conversions.
    adjusted_later,
    carried_over,
    amount_due,
    fetched_at,
    days_missing,
    is_complete,
    is_final
FROM (
    ${statement}
)
