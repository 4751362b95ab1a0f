-- The sums of the calls of each day, as `tables/totals.py` computes them when a day is stored.
SELECT
    CASE
        WHEN grouping(interval_start) = 0 THEN 'quarter_hour'
        WHEN grouping(state) = 0 THEN 'state'
        ELSE 'party'
    END AS group_by,
    interval_start,
    status,
    buyer_id,
    user_buyer_id,
    buyer,
    buyer_key,
    offer_id,
    user_offer_id,
    offer,
    offer_key,
    traffic_source_id,
    user_traffic_source_id,
    traffic_source,
    traffic_source_key,
    state,
    any_value(day_fetched_at) AS fetched_at,
    max(created_at) AS last_call_at,
    ${tally},
    date
FROM (
    SELECT
        *,
        time_bucket(INTERVAL 15 MINUTE, created_at) AS interval_start,
        -- The legacy API has all tags in one text, and nothing else.
        CASE WHEN tokens IS NULL THEN token_values END AS tags_as_text,
        coalesce(
            nullif(map_extract(tokens, 'state')[1], ''),
            nullif(map_extract(tokens, 'geo_state')[1], ''),
            nullif(regexp_extract(tags_as_text, '(?:^|,)\s*state:([^,]*)', 1), ''),
            nullif(regexp_extract(tags_as_text, '(?:^|,)\s*geo_state:([^,]*)', 1), '')
        ) AS state
    FROM call_facts
    LEFT JOIN (
        SELECT date, fetched_at AS day_fetched_at FROM fetch_log WHERE table_name = 'calls'
    ) AS fetches USING (date)
)
GROUP BY GROUPING SETS (
    (date, interval_start),
    (date, state),
    (
        date,
        status,
        buyer_id,
        user_buyer_id,
        buyer,
        buyer_key,
        offer_id,
        user_offer_id,
        offer,
        offer_key,
        traffic_source_id,
        user_traffic_source_id,
        traffic_source,
        traffic_source_key
    )
)
