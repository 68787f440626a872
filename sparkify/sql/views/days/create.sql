-- Grain: one calendar day, UTC, from the first event to the last, whether anything happened on it or not.
-- Source: the view events.
CREATE OR REPLACE VIEW days AS
WITH log_ends AS (
    SELECT min(day) AS first_day, max(day) AS last_day FROM events
),

digits AS (
    SELECT 0 AS digit
    UNION ALL
    SELECT 1 AS digit
    UNION ALL
    SELECT 2 AS digit
    UNION ALL
    SELECT 3 AS digit
    UNION ALL
    SELECT 4 AS digit
    UNION ALL
    SELECT 5 AS digit
    UNION ALL
    SELECT 6 AS digit
    UNION ALL
    SELECT 7 AS digit
    UNION ALL
    SELECT 8 AS digit
    UNION ALL
    SELECT 9 AS digit
),

-- As many as a hundred years have days.
numbers AS (
    SELECT
        10000 * ten_thousands.digit + 1000 * thousands.digit + 100 * hundreds.digit + 10 * tens.digit + ones.digit
            AS number
    FROM digits AS ones
    CROSS JOIN digits AS tens
    CROSS JOIN digits AS hundreds
    CROSS JOIN digits AS thousands
    CROSS JOIN digits AS ten_thousands
)

SELECT
    log_ends.first_day + numbers.number AS day -- the day, UTC
FROM log_ends
INNER JOIN numbers ON numbers.number <= log_ends.last_day - log_ends.first_day
