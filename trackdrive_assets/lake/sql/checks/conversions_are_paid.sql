-- Whoever converted has an amount: the buyer owes something, or the traffic source is owed something.
-- On a day without any amount they are hidden from the account's key, and nothing can be said.
WITH amounts AS (
    SELECT
        date,
        uuid,
        buyer_converted,
        coalesce(revenue, buyer_revenue) AS owed_by_buyer,
        traffic_source_converted,
        coalesce(payout, traffic_source_payout) AS owed_to_traffic_source
    FROM calls
), revenue_shown AS (
    SELECT DISTINCT date FROM amounts WHERE owed_by_buyer IS NOT NULL
), payout_shown AS (
    SELECT DISTINCT date FROM amounts WHERE owed_to_traffic_source IS NOT NULL
)
SELECT
    date,
    'The buyer converted and owes nothing.' AS finding,
    true AS fails,
    uuid,
    owed_by_buyer AS amount
FROM amounts
WHERE buyer_converted AND coalesce(owed_by_buyer, 0) = 0 AND date IN (FROM revenue_shown)
UNION ALL
SELECT
    date,
    'The traffic source converted and is owed nothing.' AS finding,
    true AS fails,
    uuid,
    owed_to_traffic_source AS amount
FROM amounts
WHERE traffic_source_converted AND coalesce(owed_to_traffic_source, 0) = 0 AND date IN (FROM payout_shown)
UNION ALL
SELECT
    date,
    'Calls converted and no call of the day has an amount, so nothing can be said: the account''s key may not see them.' AS finding,
    false AS fails,
    min(uuid) AS uuid,
    NULL AS amount
FROM amounts
WHERE (buyer_converted AND date NOT IN (FROM revenue_shown))
    OR (traffic_source_converted AND date NOT IN (FROM payout_shown))
GROUP BY date
