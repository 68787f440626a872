-- How many listen, and how often?
-- DAU are the distinct players of a UTC day, WAU and MAU those of the 7 and of the 30 days that end with it; both are
-- blank until the log is that long. Stickiness is the mean DAU of the 30 days, where a day without plays counts as 0,
-- over MAU. Every day of the log has a row; its first and last day may be cut off.
-- It does not say who opened the app without playing, nor which day it was where the player lives.
-- Chapter: listening 10.
-- Parameters: from, to, level.
WITH numbered_days AS (
    SELECT day, row_number() OVER (ORDER BY day) AS days_so_far FROM days
),

player_days AS (
    SELECT DISTINCT day, user_id FROM plays
),

windows AS (
    SELECT
        numbered_days.day,
        numbered_days.days_so_far,
        count(DISTINCT CASE WHEN player_days.day = numbered_days.day THEN player_days.user_id END) AS dau,
        count(DISTINCT CASE WHEN player_days.day > numbered_days.day - 7 THEN player_days.user_id END) AS wau,
        count(DISTINCT player_days.user_id) AS mau,
        count(player_days.user_id) AS days_played
    FROM numbered_days
    LEFT JOIN player_days ON numbered_days.day >= player_days.day AND numbered_days.day - 30 < player_days.day
    GROUP BY numbered_days.day, numbered_days.days_so_far
)

SELECT
    day,
    dau,
    CASE WHEN days_so_far >= 7 THEN wau END AS wau,
    CASE WHEN days_so_far >= 30 THEN mau END AS mau,
    CASE WHEN days_so_far >= 30 THEN cast(days_played AS DOUBLE PRECISION) / 30 END AS mean_dau,
    CASE WHEN days_so_far >= 30 THEN cast(days_played AS DOUBLE PRECISION) / 30 / nullif(mau, 0) END AS stickiness
FROM windows
ORDER BY day
