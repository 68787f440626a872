-- Do they find new music?
-- The share of plays that are a user's first of that artist, by artist name as logged, in the log; by ISO week, named
-- by its Monday (UTC). The last row is the whole log.
-- It does not say what users had heard before the log begins, so it is an upper bound, highest in the first weeks;
-- nor whether they chose the artist themselves.
-- Chapter: music 30.
-- Parameters: from, to, level.
WITH user_weeks AS (
    SELECT week, user_id, count(*) AS plays
    FROM plays
    GROUP BY week, user_id
),

-- One play of a user and an artist is the first, and it is in the earliest week.
first_plays AS (
    SELECT user_id, artist_name, min(week) AS week
    FROM plays
    GROUP BY user_id, artist_name
),

user_first_weeks AS (
    SELECT week, user_id, count(*) AS first_plays
    FROM first_plays
    GROUP BY week, user_id
),

counts AS (
    SELECT
        user_weeks.week,
        user_weeks.user_id,
        user_weeks.plays,
        coalesce(user_first_weeks.first_plays, 0) AS first_plays
    FROM user_weeks
    LEFT JOIN user_first_weeks
        ON user_weeks.week = user_first_weeks.week AND user_weeks.user_id = user_first_weeks.user_id
),

-- Each play once for its week and once for the whole log.
period_counts AS (
    SELECT week, user_id, plays, first_plays FROM counts
    UNION ALL
    SELECT cast(NULL AS DATE) AS week, user_id, plays, first_plays FROM counts
)

SELECT
    week,
    cast(sum(plays) AS BIGINT) AS plays,
    count(DISTINCT user_id) AS listeners,
    cast(sum(first_plays) AS BIGINT) AS first_plays,
    cast(sum(first_plays) AS DOUBLE PRECISION) / sum(plays) AS first_play_share
FROM period_counts
GROUP BY week
ORDER BY week
