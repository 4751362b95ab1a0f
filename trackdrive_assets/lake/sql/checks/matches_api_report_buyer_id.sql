-- The API's report by buyer has the same calls, revenue and payout as the calls.
-- source: reports/buyer_id
${matches_api}
