SELECT date, calls, converted, conversion_rate, revenue::DOUBLE AS revenue, payout::DOUBLE AS payout
FROM daily_summary
ORDER BY date
