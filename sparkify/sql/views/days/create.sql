-- Grain: one calendar day, UTC, from the first event to the last, also days without events.
-- Source: the view events.
CREATE OR REPLACE VIEW days AS
WITH log_bounds AS (
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

to_hundred AS (
    SELECT 10 * tens.digit + ones.digit AS number
    FROM digits AS tens
    CROSS JOIN digits AS ones
),

-- As many numbers as a hundred years have days.
numbers AS (
    SELECT 10000 * ten_thousands.digit + 100 * hundreds.number + to_hundred.number AS number
    FROM digits AS ten_thousands
    CROSS JOIN to_hundred AS hundreds
    CROSS JOIN to_hundred
    WHERE ten_thousands.digit < 4
)

SELECT
    log_bounds.first_day + numbers.number AS day -- the day, UTC
FROM log_bounds
INNER JOIN numbers ON numbers.number <= log_bounds.last_day - log_bounds.first_day
