-- How many listen, and how often?
-- DAU are the distinct players of a day (UTC), WAU and MAU those of the 7 and of the 30 days that end with it; both are
-- blank until the log is that long. Stickiness is the mean DAU of the 30 days, where a day without plays counts as 0,
-- over MAU. Every day of the log has a row; its first and last day may be cut off.
-- It does not say who opened the app without playing, nor which day it was where the player lives.
-- Chapter: listening 10.
-- Parameters: from, to, level.
WITH player_days AS (
    SELECT DISTINCT day, user_id FROM user_days
),

next_days AS (
    SELECT day, lead(day) OVER (PARTITION BY user_id ORDER BY day) AS next_day FROM player_days
),

-- A player is one of the week and of the month from the day on, until the days end or the next day takes over.
changes AS (
    SELECT day, count(*) AS players, 0 AS left_week, 0 AS left_month
    FROM next_days
    GROUP BY day
    UNION ALL
    SELECT day, 0 AS players, count(*) AS left_week, 0 AS left_month
    FROM (SELECT CASE WHEN next_day < day + 7 THEN next_day ELSE day + 7 END AS day FROM next_days) AS week_ends
    GROUP BY day
    UNION ALL
    SELECT day, 0 AS players, 0 AS left_week, count(*) AS left_month
    FROM (SELECT CASE WHEN next_day < day + 30 THEN next_day ELSE day + 30 END AS day FROM next_days) AS month_ends
    GROUP BY day
),

day_changes AS (
    SELECT day, sum(players) AS players, sum(left_week) AS left_week, sum(left_month) AS left_month
    FROM changes
    GROUP BY day
),

steps AS (
    SELECT 0 AS step
    UNION ALL
    SELECT 1 AS step
),

-- Also a day that the calendar of a time zone left out, as Pacific/Apia did 2011-12-30: players leave on it, too.
calendar AS (
    SELECT days.day + steps.step AS day, 1 - min(steps.step) AS is_day
    FROM days
    CROSS JOIN steps
    GROUP BY days.day + steps.step
),

counts AS (
    SELECT
        calendar.day,
        calendar.is_day,
        coalesce(day_changes.players, 0) AS players,
        coalesce(day_changes.left_week, 0) AS left_week,
        coalesce(day_changes.left_month, 0) AS left_month
    FROM calendar
    LEFT JOIN day_changes ON calendar.day = day_changes.day
),

windows AS (
    SELECT
        day,
        is_day,
        row_number() OVER (ORDER BY day) AS days_so_far,
        cast(players AS BIGINT) AS dau,
        cast(sum(players - left_week) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING) AS BIGINT) AS wau,
        cast(sum(players - left_month) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING) AS BIGINT) AS mau,
        sum(players) OVER (ORDER BY day ROWS BETWEEN 29 PRECEDING AND CURRENT ROW) AS days_played,
        sum(is_day) OVER (ORDER BY day ROWS BETWEEN 29 PRECEDING AND CURRENT ROW) AS days_in_log
    FROM counts
)

SELECT
    day,
    dau,
    CASE WHEN days_so_far >= 7 THEN wau END AS wau,
    CASE WHEN days_so_far >= 30 THEN mau END AS mau,
    CASE WHEN days_so_far >= 30 THEN cast(days_played AS DOUBLE PRECISION) / days_in_log END AS mean_dau,
    CASE
        WHEN days_so_far >= 30 THEN cast(days_played AS DOUBLE PRECISION) / days_in_log / nullif(mau, 0)
    END AS stickiness
FROM windows
WHERE is_day = 1
ORDER BY day
