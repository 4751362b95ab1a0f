-- The API's report by offer has the same calls, revenue and payout as the calls.
SELECT
    ${disagreements}
    AND source = 'reports/offer_id'
