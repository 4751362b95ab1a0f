-- The API's report by traffic source has the same calls, revenue and payout as the calls.
-- source: reports/traffic_source_id
${matches_api}
