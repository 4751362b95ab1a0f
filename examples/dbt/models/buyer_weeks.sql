-- The weeks of each buyer. `source` makes the model depend on the asset views/buyer_performance.
SELECT
    CAST(date_trunc('week', date) AS DATE) AS week,
    buyer_key,
    arg_max(buyer, date) AS buyer,
    CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(converted) AS BIGINT) AS converted,
    sum(revenue) AS revenue
FROM {{ source('trackdrive', 'buyer_performance') }}
WHERE buyer_key IS NOT NULL
GROUP BY ALL
