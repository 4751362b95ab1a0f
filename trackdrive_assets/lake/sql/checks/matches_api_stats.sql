-- The API's statistics by status have the same count, revenue, cost and profit as the calls. Their profit is
-- revenue minus payout, or the cost is subtracted too, as `profit_subtracts_cost` reports.
-- source: stats/status
-- profit_subtracts_cost: The account's API subtracts the cost from its profit: revenue - payout - cost. The
-- check compares with that. The profit of the views is revenue - payout.
${matches_api}
UNION ALL BY NAME
SELECT date, 'profit_subtracts_cost' AS violation, false AS fails, min(definition) AS definition
FROM reconciliation
WHERE source = '${source}' AND definition = 'revenue - payout - cost' AND verdict = 'match'
GROUP BY date
