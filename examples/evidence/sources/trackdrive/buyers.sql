SELECT date, buyer_key, buyer, calls, converted, revenue::DOUBLE AS revenue
FROM buyer_performance
WHERE buyer IS NOT NULL
ORDER BY date, buyer
