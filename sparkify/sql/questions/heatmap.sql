-- When do they listen?
-- Plays by weekday and hour (UTC), and the same per occurrence of that weekday in the log, which makes weekdays that
-- occur more often comparable. Weekday 0 is Sunday. An hour that a clock shows twice in a day is one; one that it leaves
-- out has no plays that day. A weekday outside the log has no rows.
-- It does not say which hour it was where the player lives: the log has no time zone of the user.
-- Chapter: listening 20.
-- Parameters: from, to, level.
WITH weekdays AS (
    SELECT 0 AS weekday, 'Sunday' AS weekday_name
    UNION ALL
    SELECT 1 AS weekday, 'Monday' AS weekday_name
    UNION ALL
    SELECT 2 AS weekday, 'Tuesday' AS weekday_name
    UNION ALL
    SELECT 3 AS weekday, 'Wednesday' AS weekday_name
    UNION ALL
    SELECT 4 AS weekday, 'Thursday' AS weekday_name
    UNION ALL
    SELECT 5 AS weekday, 'Friday' AS weekday_name
    UNION ALL
    SELECT 6 AS weekday, 'Saturday' AS weekday_name
),

-- Two digits of base seven count to 48.
hours AS (
    SELECT 7 * sevens.weekday + ones.weekday AS hour
    FROM weekdays AS sevens
    CROSS JOIN weekdays AS ones
    WHERE 7 * sevens.weekday + ones.weekday < 24
),

occurring_weekdays AS (
    SELECT cast(extract(DOW FROM day) AS INTEGER) AS weekday, count(*) AS occurrences
    FROM days
    GROUP BY cast(extract(DOW FROM day) AS INTEGER)
),

cells AS (
    SELECT weekday, hour, count(*) AS plays
    FROM plays
    GROUP BY weekday, hour
)

SELECT
    weekdays.weekday,
    weekdays.weekday_name,
    hours.hour,
    coalesce(cells.plays, 0) AS plays,
    occurring_weekdays.occurrences,
    cast(coalesce(cells.plays, 0) AS DOUBLE PRECISION) / occurring_weekdays.occurrences AS plays_per_occurrence
FROM weekdays
INNER JOIN occurring_weekdays ON weekdays.weekday = occurring_weekdays.weekday
CROSS JOIN hours
LEFT JOIN cells ON weekdays.weekday = cells.weekday AND hours.hour = cells.hour
ORDER BY weekdays.weekday, hours.hour
