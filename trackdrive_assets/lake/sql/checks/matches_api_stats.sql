-- The API's statistics by status have the same count, revenue, cost and profit as the calls.
-- source: stats/status
${matches_api}
