-- Every text arrived in a form that can be stored: no character had to be replaced by � (U+FFFD).
-- severity: warning
-- replaced_character: A text contains �, because a character of it was not valid UTF-8 or was sent so. Look
-- at the example in Trackdrive. If a name is affected, enter it there again, and fetch the day again.
SELECT
    date,
    'replaced_character' AS violation,
    name,
    count(*) AS calls,
    min(example) AS uuid
FROM (
    UNPIVOT (
        SELECT date, uuid AS example, CAST(tokens AS VARCHAR) AS tokens, ${text_columns}
        FROM calls
        -- Few calls are affected, so all texts of a call are searched as one.
        WHERE contains(concat(CAST(tokens AS VARCHAR), ${text_columns}), chr(65533))
    )
    ON COLUMNS(* EXCLUDE (date, example))
    INTO NAME name VALUE value
)
WHERE contains(value, chr(65533))
GROUP BY date, name
