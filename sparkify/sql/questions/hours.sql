-- How much music is offered?
-- The lengths of all tracks that began to play, in hours, by UTC day and level at the time of the play, with the share
-- of plays by the ten heaviest users of the whole log (by plays; who ties with the tenth is one of them). The last row
-- is the whole log. A day and level without plays has no row; a play without a length adds nothing.
-- It does not say how long anybody listened: hours are an upper bound, for the log tells of no skip.
WITH parameters AS (
    SELECT 10 AS heaviest_places
),

user_plays AS (
    SELECT user_id, count(*) AS plays
    FROM songplays
    GROUP BY user_id
),

ranked_users AS (
    SELECT user_id, rank() OVER (ORDER BY plays DESC) AS place
    FROM user_plays
),

plays AS (
    SELECT
        cast(songplays.start_time AS DATE) AS day,
        coalesce(songplays.level, 'unknown') AS level,
        songplays.song_length,
        CASE WHEN ranked_users.place <= parameters.heaviest_places THEN 1 ELSE 0 END AS heavy
    FROM songplays
    INNER JOIN ranked_users ON songplays.user_id = ranked_users.user_id
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
