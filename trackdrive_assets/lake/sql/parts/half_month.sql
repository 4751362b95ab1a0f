-- The half-month of a day, by which the trade settles. For the end of the SELECT list of a query with a date.
    CAST(date_trunc('month', date) AS DATE) + CASE WHEN day(date) <= 15 THEN 0 ELSE 15 END AS period_start,
    --: First day of the half-month: the 1st or the 16th.
    CASE
        WHEN day(date) <= 15 THEN CAST(date_trunc('month', date) AS DATE) + 14
        ELSE last_day(date)
    END AS period_end --: Last day of the half-month: the 15th, or the last day of the month.
