-- The API's report by offer has the same calls, revenue and payout as the calls.
-- source: reports/offer_id
${matches_api}
