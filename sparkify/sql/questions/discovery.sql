-- Do they find new music?
-- The share of plays that are a user's first of that artist, by artist name as logged, in the log; by ISO week, named
-- by its Monday (UTC). The last row is the whole log.
-- It does not say what users had heard before the log begins, so it is an upper bound, highest in the first weeks;
-- nor whether they chose the artist themselves.
-- Totals: week.
-- Chapter: music 30.
-- Parameters: from, to, level.
WITH user_weeks AS (
    SELECT cast(date_trunc('week', day) AS DATE) AS week, user_id, sum(plays) AS plays
    FROM user_days
    GROUP BY cast(date_trunc('week', day) AS DATE), user_id
),

log_users AS (
    SELECT user_id, sum(plays) AS plays
    FROM user_weeks
    GROUP BY user_id
),

artists_played AS (
    SELECT DISTINCT artist_name FROM plays
),

-- There are nearly as many pairs of a user and an artist as plays: they are grouped by a number in place of the name.
numbered_artists AS (
    SELECT artist_name, cast(row_number() OVER (ORDER BY artist_name) AS INTEGER) AS artist_number FROM artists_played
),

-- One play of a user and an artist is the first, and it is in the earliest week.
first_plays AS (
    SELECT plays.user_id, numbered_artists.artist_number, min(plays.week) AS week
    FROM plays
    INNER JOIN numbered_artists ON plays.artist_name = numbered_artists.artist_name
    GROUP BY plays.user_id, numbered_artists.artist_number
),

first_play_counts AS (
    SELECT week, count(*) AS first_plays
    FROM first_plays
    GROUP BY week
),

-- Each once for its week and once for the whole log.
counts AS (
    SELECT week, plays, 1 AS listeners, 0 AS first_plays FROM user_weeks
    UNION ALL
    SELECT cast(NULL AS DATE) AS week, plays, 1 AS listeners, 0 AS first_plays FROM log_users
    UNION ALL
    SELECT week, 0 AS plays, 0 AS listeners, first_plays FROM first_play_counts
    UNION ALL
    SELECT cast(NULL AS DATE) AS week, 0 AS plays, 0 AS listeners, first_plays FROM first_play_counts
)

SELECT
    week,
    cast(sum(plays) AS BIGINT) AS plays,
    cast(sum(listeners) AS BIGINT) AS listeners,
    cast(sum(first_plays) AS BIGINT) AS first_plays,
    cast(sum(first_plays) AS DOUBLE PRECISION) / sum(plays) AS first_play_share
FROM counts
GROUP BY week
ORDER BY week
