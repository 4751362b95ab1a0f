-- One row per day and state of the caller. It shows where callers are, and what they are worth. The row
-- without a state has the calls whose tags name none.
SELECT
    date,
    state,
    --: The caller's state in capitals, such as CO: the tag state, or else geo_state. Null without both.
    ${measures}
FROM (
    SELECT
        date,
        upper(regexp_replace(
            trim(coalesce(tag, nullif(state_in_text, ''), nullif(geo_state_in_text, ''))), '^us-', '', 'i'
        )) AS state,
        ${total}
    FROM (
        SELECT
            *,
            regexp_extract(tags_as_text, '(?:^|,)\s*state:([^,]*)', 1) AS state_in_text,
            regexp_extract(tags_as_text, '(?:^|,)\s*geo_state:([^,]*)', 1) AS geo_state_in_text
        FROM (
            -- By the tags as they came, because they are few: parsing those of every call would take longer.
            SELECT
                date,
                nullif(
                    coalesce(
                        nullif(map_extract(tokens, 'state')[1], ''),
                        map_extract(tokens, 'geo_state')[1]
                    ),
                    ''
                ) AS tag,
                -- The legacy API has all tags in one text, and nothing else.
                CASE WHEN tokens IS NULL THEN token_values END AS tags_as_text,
                ${tally}
            FROM call_facts
            GROUP BY date, tag, tags_as_text
        )
    )
    GROUP BY date, state
)
