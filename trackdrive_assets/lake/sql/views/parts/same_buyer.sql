-- What the calls of one buyer have in common. Goes into a GROUP BY of a query on calls, or on days of buyers.
    buyer_id,
    -- The older API sends no buyer_id; there the account's own label tells them apart, or else the name.
    CASE WHEN buyer_id IS NULL THEN coalesce(nullif(user_buyer_id, ''), nullif(buyer, '')) END
