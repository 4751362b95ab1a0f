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
), shown AS (
    SELECT
        date,
        count(owed_by_buyer) > 0 AS revenue_is_shown,
        count(owed_to_traffic_source) > 0 AS payout_is_shown
    FROM amounts
    GROUP BY date
)
SELECT
    date,
    'The buyer converted and owes nothing.' AS finding,
    true AS fails,
    uuid,
    owed_by_buyer AS amount
FROM amounts JOIN shown USING (date)
WHERE buyer_converted AND revenue_is_shown AND coalesce(owed_by_buyer, 0) = 0
UNION ALL
SELECT
    date,
    'The traffic source converted and is owed nothing.' AS finding,
    true AS fails,
    uuid,
    owed_to_traffic_source AS amount
FROM amounts JOIN shown USING (date)
WHERE traffic_source_converted AND payout_is_shown AND coalesce(owed_to_traffic_source, 0) = 0
UNION ALL
SELECT
    date,
    'Calls converted and no call of the day has an amount, so nothing can be said: the account''s key may not see them.' AS finding,
    false AS fails,
    min(uuid) AS uuid,
    NULL AS amount
FROM amounts JOIN shown USING (date)
WHERE (buyer_converted AND NOT revenue_is_shown) OR (traffic_source_converted AND NOT payout_is_shown)
GROUP BY date
