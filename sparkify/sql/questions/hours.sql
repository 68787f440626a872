-- How much music is offered?
-- The lengths of all tracks that began to play, in hours, by day (UTC) and level at the time of the play, with the share
-- of plays by the ten heaviest users of the whole log (by plays, with ties for the tenth). The last row
-- is the whole log. A day and level without plays has no row; a play without a length, or with one beyond a billion
-- seconds, adds nothing.
-- It does not say how long anybody listened: hours are an upper bound, because the log has no skips.
-- Totals: day.
-- Chapter: listening 50.
-- Parameters: from, to, level.
WITH user_plays AS (
    SELECT user_id, sum(plays) AS plays
    FROM user_days
    GROUP BY user_id
),

ranked_users AS (
    SELECT user_id, rank() OVER (ORDER BY plays DESC) AS place
    FROM user_plays
),

cells AS (
    SELECT
        user_days.day,
        coalesce(user_days.level, 'unknown') AS level,
        sum(user_days.plays) AS plays,
        sum(user_days.microseconds) AS microseconds,
        sum(CASE WHEN ranked_users.place <= 10 THEN user_days.plays ELSE 0 END) AS heavy_plays
    FROM user_days
    INNER JOIN ranked_users ON user_days.user_id = ranked_users.user_id
    GROUP BY user_days.day, coalesce(user_days.level, 'unknown')
),

-- Each once for its day and once for the whole log.
period_cells AS (
    SELECT day, level, plays, microseconds, heavy_plays FROM cells
    UNION ALL
    SELECT cast(NULL AS DATE) AS day, 'all' AS level, plays, microseconds, heavy_plays FROM cells
)

SELECT
    day,
    level,
    cast(sum(plays) AS BIGINT) AS plays,
    cast(sum(microseconds) AS DOUBLE PRECISION) / 3600000000 AS hours,
    cast(sum(heavy_plays) AS BIGINT) AS heaviest_users_plays,
    cast(sum(heavy_plays) AS DOUBLE PRECISION) / sum(plays) AS heaviest_users_share
FROM period_cells
GROUP BY day, level
ORDER BY day, level
