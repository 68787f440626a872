-- When do they listen?
-- Plays by weekday and hour, and the same per occurrence of that weekday in the log, which makes weekdays that occur
-- more often comparable. Weekday 0 is Sunday; weekday and hour are UTC. A weekday outside the log has no rows.
-- It does not say which hour it was where the player lives: the log has no time zone of the user.
-- Parameters: from, to, level.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day,
        cast($3 AS VARCHAR) AS level
),

bounds AS (
    SELECT
        cast(first_day - DATE '1970-01-01' AS BIGINT) * 86400000 AS first_ts,
        cast(last_day + 1 - DATE '1970-01-01' AS BIGINT) * 86400000 AS end_ts,
        level
    FROM parameters
),

log_moments AS (
    SELECT min(staging_events.ts) AS first_ts, max(staging_events.ts) AS last_ts
    FROM staging_events
    CROSS JOIN bounds
    WHERE (bounds.first_ts IS NULL OR staging_events.ts >= bounds.first_ts)
        AND (bounds.end_ts IS NULL OR staging_events.ts < bounds.end_ts)
        AND (bounds.level IS NULL OR staging_events.level = bounds.level)
),

log_days AS (
    SELECT
        DATE '1970-01-01' + cast(floor(cast(first_ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS first_day,
        cast(floor(cast(last_ts AS DOUBLE PRECISION) / 86400000) AS INTEGER)
        - cast(floor(cast(first_ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) + 1 AS day_count
    FROM log_moments
),

digits AS (
    SELECT 0 AS digit, 'Sunday' AS weekday_name
    UNION ALL
    SELECT 1 AS digit, 'Monday' AS weekday_name
    UNION ALL
    SELECT 2 AS digit, 'Tuesday' AS weekday_name
    UNION ALL
    SELECT 3 AS digit, 'Wednesday' AS weekday_name
    UNION ALL
    SELECT 4 AS digit, 'Thursday' AS weekday_name
    UNION ALL
    SELECT 5 AS digit, 'Friday' AS weekday_name
    UNION ALL
    SELECT 6 AS digit, 'Saturday' AS weekday_name
    UNION ALL
    SELECT 7 AS digit, NULL AS weekday_name
    UNION ALL
    SELECT 8 AS digit, NULL AS weekday_name
    UNION ALL
    SELECT 9 AS digit, NULL AS weekday_name
),

hours AS (
    SELECT 10 * tens.digit + ones.digit AS hour
    FROM digits AS ones
    CROSS JOIN digits AS tens
    WHERE 10 * tens.digit + ones.digit < 24
),

-- How many days after the log's first day the weekday comes first.
weekdays AS (
    SELECT
        digits.digit AS weekday,
        digits.weekday_name,
        log_days.day_count,
        (digits.digit - cast(extract(DOW FROM log_days.first_day) AS INTEGER) + 7) % 7 AS days_before
    FROM digits
    CROSS JOIN log_days
    WHERE digits.digit < 7
),

occurring_weekdays AS (
    SELECT
        weekday,
        weekday_name,
        1 + cast(floor(cast(day_count - 1 - days_before AS DOUBLE PRECISION) / 7) AS INTEGER) AS occurrences
    FROM weekdays
    WHERE days_before < day_count
),

cells AS (
    SELECT
        cast(extract(DOW FROM songplays.start_time) AS INTEGER) AS weekday,
        cast(extract(HOUR FROM songplays.start_time) AS INTEGER) AS hour,
        count(*) AS plays
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
        AND (parameters.level IS NULL OR songplays.level = parameters.level)
    GROUP BY
        cast(extract(DOW FROM songplays.start_time) AS INTEGER),
        cast(extract(HOUR FROM songplays.start_time) AS INTEGER)
)

SELECT
    occurring_weekdays.weekday,
    occurring_weekdays.weekday_name,
    hours.hour,
    coalesce(cells.plays, 0) AS plays,
    occurring_weekdays.occurrences,
    cast(coalesce(cells.plays, 0) AS DOUBLE PRECISION) / occurring_weekdays.occurrences AS plays_per_occurrence
FROM occurring_weekdays
CROSS JOIN hours
LEFT JOIN cells ON occurring_weekdays.weekday = cells.weekday AND hours.hour = cells.hour
ORDER BY occurring_weekdays.weekday, hours.hour
