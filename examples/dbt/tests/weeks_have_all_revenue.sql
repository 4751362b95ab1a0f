-- The weeks have all the revenue of the days. `ref` makes the test a check of the asset buyer_weeks.
{{ config(meta={'dagster': {'ref': {'name': 'buyer_weeks'}}}) }}
SELECT weeks.revenue, days.revenue
FROM
    (SELECT sum(revenue) AS revenue FROM {{ ref('buyer_weeks') }}) AS weeks,
    (
        SELECT sum(revenue) AS revenue
        FROM {{ source('trackdrive', 'buyer_performance') }}
        WHERE buyer_key IS NOT NULL
    ) AS days
WHERE weeks.revenue IS DISTINCT FROM days.revenue
