-- How many listen, and how often?
-- DAU are the distinct players of a UTC day, WAU and MAU those of the 7 and of the 30 days that end with it; both are
-- blank until the log is that long. Stickiness is the mean DAU of the 30 days, where a day without plays counts as 0,
-- over MAU. Every day of the log has a row; its first and last day may be cut off.
-- It does not say who opened the app without playing, nor which day it was where the player lives.
-- Parameters: from, to, level.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day,
        cast($3 AS VARCHAR) AS level,
        7 AS days_of_week,
        30 AS days_of_month
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
        DATE '1970-01-01' + cast(floor(cast(last_ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS last_day
    FROM log_moments
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
),

days AS (
    SELECT log_days.first_day + numbers.number AS day, numbers.number + 1 AS days_so_far
    FROM log_days
    INNER JOIN numbers ON numbers.number <= log_days.last_day - log_days.first_day
),

player_days AS (
    SELECT DISTINCT cast(songplays.start_time AS DATE) AS day, songplays.user_id
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
        AND (parameters.level IS NULL OR songplays.level = parameters.level)
),

windows AS (
    SELECT
        days.day,
        days.days_so_far,
        parameters.days_of_week,
        parameters.days_of_month,
        count(DISTINCT CASE WHEN player_days.day = days.day THEN player_days.user_id END) AS dau,
        count(DISTINCT CASE
            WHEN player_days.day > days.day - parameters.days_of_week THEN player_days.user_id
        END) AS wau,
        count(DISTINCT player_days.user_id) AS mau,
        count(player_days.user_id) AS days_played
    FROM days
    CROSS JOIN parameters
    LEFT JOIN player_days
        ON days.day >= player_days.day AND days.day - parameters.days_of_month < player_days.day
    GROUP BY days.day, days.days_so_far, parameters.days_of_week, parameters.days_of_month
)

SELECT
    day,
    dau,
    CASE WHEN days_so_far >= days_of_week THEN wau END AS wau,
    CASE WHEN days_so_far >= days_of_month THEN mau END AS mau,
    CASE WHEN days_so_far >= days_of_month THEN cast(days_played AS DOUBLE PRECISION) / days_of_month END AS mean_dau,
    CASE
        WHEN days_so_far >= days_of_month THEN cast(days_played AS DOUBLE PRECISION) / days_of_month / nullif(mau, 0)
    END AS stickiness
FROM windows
ORDER BY day
