-- Every conversion has an amount: the buyer owes something, or the traffic source is owed something.
-- severity: warning
-- buyer_owes_nothing: The buyer converted and owes nothing.
-- source_is_owed_nothing: The traffic source converted and is owed nothing.
-- amounts_hidden: Calls converted, but no call of the day has an amount, so this can't be checked. The
-- account's key may not see amounts.
WITH revenue_known AS (
    SELECT DISTINCT date FROM call_facts WHERE revenue_owed IS NOT NULL
), payout_known AS (
    SELECT DISTINCT date FROM call_facts WHERE payout_owed IS NOT NULL
)
SELECT date, 'buyer_owes_nothing' AS violation, true AS fails, uuid, revenue_owed AS amount
FROM call_facts
WHERE buyer_converted AND coalesce(revenue_owed, 0) = 0 AND date IN (FROM revenue_known)
UNION ALL
SELECT date, 'source_is_owed_nothing' AS violation, true AS fails, uuid, payout_owed AS amount
FROM call_facts
WHERE traffic_source_converted AND coalesce(payout_owed, 0) = 0 AND date IN (FROM payout_known)
UNION ALL
SELECT date, 'amounts_hidden' AS violation, false AS fails, min(uuid) AS uuid, NULL AS amount
FROM call_facts
WHERE (buyer_converted AND date NOT IN (FROM revenue_known))
    OR (traffic_source_converted AND date NOT IN (FROM payout_known))
GROUP BY date
