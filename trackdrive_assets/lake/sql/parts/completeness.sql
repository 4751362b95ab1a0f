-- Whether a day can still change. For a SELECT list with a date and its fetched_at, before other columns.
    fetched_at >= timezone(${time_zone}, CAST(date + 1 AS TIMESTAMP)) AS is_complete,
    --: Whether the day was over when its calls were last fetched, so that no call is missing. Amounts and
    --: conversions can still change. Null where the time of the fetch is unknown.
    fetched_at >= timezone(${time_zone}, CAST(date + 30 AS TIMESTAMP)) AS is_final,
    --: Whether the calls were last fetched on the 30th day after the day or later. Calls change for 30 days,
    --: and that is the last fetch of the usual look-back. Null where the time of the fetch is unknown.
