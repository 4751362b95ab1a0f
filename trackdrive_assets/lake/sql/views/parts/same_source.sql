-- What the calls of one traffic source have in common. Goes into a GROUP BY of a query on calls, or on days of sources.
    traffic_source_id,
    -- The older API sends no traffic_source_id; there the account's own label tells them apart, or else the name.
    CASE WHEN traffic_source_id IS NULL THEN coalesce(nullif(user_traffic_source_id, ''), nullif(traffic_source, '')) END
