-- How much music is offered?
-- The lengths of all tracks that began to play, in hours, by UTC day and level at the time of the play, with the share
-- of plays by the ten heaviest users of the whole log (by plays; who ties with the tenth is one of them). The last row
-- is the whole log. A day and level without plays has no row; a play without a length adds nothing.
-- It does not say how long anybody listened: hours are an upper bound, for the log tells of no skip.
-- Parameters: from, to, level.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day,
        cast($3 AS VARCHAR) AS level,
        10 AS heaviest_places
),

cut_plays AS (
    SELECT songplays.start_time, songplays.user_id, songplays.level, songplays.song_length
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
        AND (parameters.level IS NULL OR songplays.level = parameters.level)
),

user_plays AS (
    SELECT user_id, count(*) AS plays
    FROM cut_plays
    GROUP BY user_id
),

ranked_users AS (
    SELECT user_id, rank() OVER (ORDER BY plays DESC) AS place
    FROM user_plays
),

plays AS (
    SELECT
        cast(cut_plays.start_time AS DATE) AS day,
        coalesce(cut_plays.level, 'unknown') AS level,
        cut_plays.song_length,
        CASE WHEN ranked_users.place <= parameters.heaviest_places THEN 1 ELSE 0 END AS heavy
    FROM cut_plays
    INNER JOIN ranked_users ON cut_plays.user_id = ranked_users.user_id
    CROSS JOIN parameters
),

-- Each play once for its day and once for the whole log.
period_plays AS (
    SELECT day, level, song_length, heavy FROM plays
    UNION ALL
    SELECT cast(NULL AS DATE) AS day, 'all' AS level, song_length, heavy FROM plays
)

SELECT
    day,
    level,
    count(*) AS plays,
    -- The order in which numbers are added shows in their last digits.
    round(sum(song_length) / 3600, 6) AS hours,
    sum(heavy) AS heaviest_users_plays,
    cast(sum(heavy) AS DOUBLE PRECISION) / count(*) AS heaviest_users_share
FROM period_plays
GROUP BY day, level
ORDER BY day, level
