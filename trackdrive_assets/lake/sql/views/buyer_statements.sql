-- One row per half-month and buyer. It shows what to invoice the buyer for, as the calls are now. The row
-- without a buyer has the calls that reached none.
-- party: buyer
-- amount: revenue
SELECT
    period_start,
    period_end,
    buyer_id, --: Trackdrive's id of the buyer.
    user_buyer_id,
    buyer, --: Display name of the buyer, the latest of the half-month.
    calls,
    connected,
    converted,
    revenue,
    revenue / nullif(converted, 0) AS revenue_per_converted_call,
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
