-- One row per number that the API gives for a group of a day. It shows the same number from the calls, and a
-- verdict on whether the two match.
WITH figures(source, figure) AS (
    VALUES
        ('stats/status', 'count'),
        ('stats/status', 'revenue'),
        ('stats/status', 'cost'),
        ('stats/status', 'profit'),
        -- The API does not document whether its profit subtracts the cost. Both are compared, one is shown.
        ('stats/status', 'profit_after_cost'),
        ('reports/buyer_id', 'calls'),
        ('reports/buyer_id', 'revenue'),
        ('reports/buyer_id', 'payout'),
        ('reports/offer_id', 'calls'),
        ('reports/offer_id', 'revenue'),
        ('reports/offer_id', 'payout'),
        ('reports/traffic_source_id', 'calls'),
        ('reports/traffic_source_id', 'revenue'),
        ('reports/traffic_source_id', 'payout')
),
fetches AS MATERIALIZED (
    SELECT date, concat_ws('/', table_name, grouped_by) AS source, fetched_at
    FROM fetch_log
    WHERE table_name = 'calls'
        OR (table_name = 'stats' AND grouped_by = 'status')
        OR (table_name = 'reports' AND grouped_by IN ('buyer_id', 'offer_id', 'traffic_source_id'))
),
pairs AS (
    SELECT
        date,
        source,
        of_calls.fetched_at AS calls_fetched_at,
        of_api.fetched_at AS api_fetched_at,
        of_api.source IS NOT NULL AS has_api_file,
        -- Calls change for weeks, and most on their first day. Fetches after the end of the day are
        -- comparable if they are at most an hour apart. That is longer than a run over a few days takes, and
        -- much shorter than the time between two nightly runs. Some old files contain no time.
        of_calls.fetched_at >= day_end
            AND of_api.fetched_at >= day_end
            AND of_api.fetched_at
                BETWEEN of_calls.fetched_at - INTERVAL 1 HOUR AND of_calls.fetched_at + INTERVAL 1 HOUR
            AS is_comparable
    FROM (
        SELECT date, fetched_at, timezone(${time_zone}, CAST(date + 1 AS TIMESTAMP)) AS day_end
        FROM fetches
        WHERE source = 'calls'
    ) AS of_calls
    CROSS JOIN (SELECT DISTINCT source FROM figures)
    LEFT JOIN fetches AS of_api USING (date, source)
),
totals_of_calls AS (
    SELECT
        date,
        source,
        group_value,
        -- If no call of a day has a group and the API names one, the calls don't contain theirs.
        count(group_value) OVER (PARTITION BY date, source) > 0 AS has_groups,
        ${measures}
    FROM (
        SELECT
            date,
            CASE
                WHEN grouping(status) = 0 THEN 'stats/status'
                WHEN grouping(buyer_id) = 0 THEN 'reports/buyer_id'
                WHEN grouping(offer_id) = 0 THEN 'reports/offer_id'
                ELSE 'reports/traffic_source_id'
            END AS source,
            -- Only the column of the grouping set is not null.
            coalesce(
                nullif(status, ''),
                CAST(buyer_id AS VARCHAR),
                CAST(offer_id AS VARCHAR),
                CAST(traffic_source_id AS VARCHAR)
            ) AS group_value,
            ${total}
        FROM call_totals
        WHERE group_by = 'party'
        GROUP BY GROUPING SETS ((date, status), (date, buyer_id), (date, offer_id), (date, traffic_source_id))
    )
),
numbers AS (
    SELECT
        date,
        source,
        group_value,
        figure,
        side,
        has_groups,
        CASE
            WHEN figure = 'revenue' THEN revenue
            WHEN figure = 'payout' THEN payout
            WHEN figure = 'cost' THEN cost
            WHEN figure = 'profit' THEN profit
            WHEN figure = 'profit_after_cost' THEN profit_after_cost
            ELSE CAST(calls AS DECIMAL(38, 6))
        END AS number
    FROM (
        SELECT
            'calls' AS side,
            date,
            source,
            group_value,
            has_groups,
            calls,
            revenue,
            payout,
            cost,
            profit,
            profit - cost AS profit_after_cost
        FROM totals_of_calls
        UNION ALL
        SELECT
            'api',
            date,
            concat('reports/', category),
            -- A group without a name is null in one shape of the API's response and an empty text in another.
            nullif(group_value, ''),
            true,
            calls,
            revenue,
            payout,
            NULL,
            NULL,
            NULL
        FROM reports
        WHERE category IN ('buyer_id', 'offer_id', 'traffic_source_id')
        UNION ALL
        SELECT
            'api',
            date,
            concat('stats/', group_by),
            nullif(group_value, ''),
            true,
            count,
            revenue,
            NULL,
            cost,
            profit,
            profit
        FROM stats
        WHERE group_by = 'status'
    )
    JOIN figures USING (source)
),
sums AS (
    -- A sum with an unknown part is unknown.
    SELECT
        date,
        source,
        group_value,
        figure,
        bool_or(side = 'calls') AS in_calls,
        bool_or(side = 'api') AS in_api,
        bool_or(has_groups) FILTER (side = 'calls') AS has_groups,
        CASE
            WHEN bool_and(number IS NOT NULL) FILTER (side = 'calls') THEN sum(number) FILTER (side = 'calls')
        END AS calls_sum,
        CASE
            WHEN bool_and(number IS NOT NULL) FILTER (side = 'api') THEN sum(number) FILTER (side = 'api')
        END AS api_sum,
        count(*) FILTER (side = 'api') AS api_numbers
    FROM numbers
    GROUP BY date, source, group_value, figure
),
compared AS MATERIALIZED (
    -- A group that one side lacks is 0 there, unless that side has this figure for none of its groups.
    SELECT
        date,
        source,
        group_value,
        figure,
        in_api,
        -- Half a cent for each number of the API, because it may be rounded. Counts must match exactly.
        CASE WHEN figure IN ('calls', 'count') THEN 0 ELSE 0.005 * greatest(api_numbers, 1) END AS tolerance,
        CASE
            WHEN NOT bool_or(has_groups) OVER of_the_day
                AND bool_or(in_api AND group_value IS NOT NULL) OVER of_the_day
            THEN NULL
            WHEN in_calls THEN calls_sum
            WHEN count(calls_sum) OVER of_the_day > 0 OR NOT bool_or(in_calls) OVER of_the_day THEN 0
        END AS calls_value,
        CASE
            WHEN in_api THEN api_sum
            WHEN count(api_sum) OVER of_the_day > 0 OR NOT bool_or(in_api) OVER of_the_day THEN 0
        END AS api_value
    FROM sums
    WINDOW of_the_day AS (PARTITION BY date, source, figure)
),
profits AS (
    -- The account's definition is closer to the API's numbers on all days that have them.
    SELECT
        coalesce(
            sum(abs(calls_value - api_value)) FILTER (figure = 'profit_after_cost')
                < sum(abs(calls_value - api_value)) FILTER (figure = 'profit'),
            false
        ) AS subtracts_cost
    FROM compared
    SEMI JOIN (FROM pairs WHERE has_api_file) USING (date, source)
)
SELECT
    date,
    source, --: Where the API's number comes from: stats/status, or a report.
    group_value,
    --: The group compared: a status, or the id of a buyer, offer or traffic source. Null: calls without one.
    CASE WHEN figure = 'profit_after_cost' THEN 'profit' ELSE figure END AS figure,
    --: Which number is compared: calls or count, revenue, payout, cost or profit.
    CASE figure
        WHEN 'profit' THEN 'revenue - payout'
        WHEN 'profit_after_cost' THEN 'revenue - payout - cost'
    END AS definition,
    --: What the account's API subtracts for its profit: revenue - payout, or revenue - payout - cost. It is
    --: the definition that is closer to the API's numbers on all days. Null for other numbers.
    calls_value, --: The number from the calls. Null where the calls don't contain it.
    api_value, --: The number that the API gives. Null where it gives none.
    calls_value - api_value AS difference, --: The number from the calls less the API's.
    CASE
        WHEN NOT has_api_file THEN 'not_comparable'
        WHEN difference IS NULL THEN 'unreadable'
        WHEN abs(difference) <= tolerance THEN 'match'
        WHEN is_comparable THEN 'mismatch'
        ELSE 'not_comparable'
    END AS verdict, --: match, mismatch, not_comparable, or unreadable if one of the numbers is missing.
    CASE
        WHEN NOT has_api_file THEN 'not_fetched'
        WHEN verdict = 'mismatch' THEN 'values_differ'
        WHEN verdict = 'not_comparable' THEN 'fetched_apart'
        WHEN api_value IS NULL THEN 'api_value_missing'
        WHEN calls_value IS NULL THEN 'calls_value_missing'
    END AS reason,
    --: Why the verdict is not match: values_differ; fetched_apart (at different times, or before the day was
    --: over); not_fetched (the API's numbers of the day); api_value_missing or calls_value_missing. Null for
    --: a match.
    calls_fetched_at, --: When the day's calls were fetched.
    api_fetched_at --: When the API's numbers were fetched.
FROM (
    SELECT * EXCLUDE (subtracts_cost)
    FROM pairs
    JOIN compared USING (date, source)
    CROSS JOIN profits
    -- A report may lack the calls without a buyer, offer or source. Then they are not compared.
    WHERE has_api_file
        AND (in_api OR group_value IS NOT NULL OR source = 'stats/status')
        AND figure <> CASE WHEN subtracts_cost THEN 'profit' ELSE 'profit_after_cost' END
    UNION ALL BY NAME
    SELECT *, NULL AS calls_value, NULL AS api_value, NULL AS tolerance
    FROM pairs
    JOIN figures USING (source)
    WHERE NOT has_api_file AND figure <> 'profit_after_cost'
)
