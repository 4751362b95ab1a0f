-- What the calls of one offer have in common. Goes into a GROUP BY of a query on calls, or on days of offers.
    offer_id,
    -- The older API sends no offer_id; there the account's own label tells them apart, or else the name.
    CASE WHEN offer_id IS NULL THEN coalesce(nullif(user_offer_id, ''), nullif(offer, '')) END
