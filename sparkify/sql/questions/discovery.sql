-- Do they find new music?
-- The share of plays that are a user's first of that artist, by artist name as logged, in the log; by ISO week, named
-- by its Monday (UTC). The last row is the whole log.
-- It does not say what users had heard before the log begins, so it is an upper bound, highest in the first weeks;
-- nor whether they chose the artist themselves.
WITH ranked_plays AS (
    SELECT
        cast(date_trunc('week', start_time) AS DATE) AS week,
        user_id,
        row_number() OVER (
            PARTITION BY user_id, artist_name ORDER BY start_time, session_id, item_in_session
        ) AS play_rank
    FROM songplays
),

plays AS (
    SELECT week, user_id, CASE WHEN play_rank = 1 THEN 1 ELSE 0 END AS first_play
    FROM ranked_plays
),

-- Each play once for its week and once for the whole log.
period_plays AS (
    SELECT week, user_id, first_play FROM plays
    UNION ALL
    SELECT cast(NULL AS DATE) AS week, user_id, first_play FROM plays
)

SELECT
    week,
    count(*) AS plays,
    count(DISTINCT user_id) AS listeners,
    sum(first_play) AS first_plays,
    cast(sum(first_play) AS DOUBLE PRECISION) / count(*) AS first_play_share
FROM period_plays
GROUP BY week
ORDER BY week
