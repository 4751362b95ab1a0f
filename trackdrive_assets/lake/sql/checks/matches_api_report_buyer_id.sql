-- The API's report by buyer has the same calls, revenue and payout as the calls.
SELECT
    ${disagreements}
    AND source = 'reports/buyer_id'
