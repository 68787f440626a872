-- Which artists win?
-- Plays and distinct listeners by artist name as logged, up to place `top`; artists with as many plays share a place,
-- and all that share the last one are shown. Songs are the distinct titles played; the match rate is the share of the
-- plays found in the catalogue.
-- It does not say whether two names are one artist: "X" and "X feat. Y" are counted apart, as logged.
-- Parameters: from, to, level, top = 20.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day,
        cast($3 AS VARCHAR) AS level,
        cast($4 AS INTEGER) AS places
),

plays AS (
    SELECT songplays.song_title, songplays.artist_name, songplays.user_id, songplays.song_id
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
        AND (parameters.level IS NULL OR songplays.level = parameters.level)
),

artist_plays AS (
    SELECT
        artist_name,
        count(*) AS plays,
        count(DISTINCT user_id) AS listeners,
        count(DISTINCT song_title) AS songs,
        cast(count(song_id) AS DOUBLE PRECISION) / count(*) AS match_rate
    FROM plays
    GROUP BY artist_name
),

ranked_artists AS (
    SELECT artist_name, plays, listeners, songs, match_rate, rank() OVER (ORDER BY plays DESC) AS place
    FROM artist_plays
)

SELECT
    ranked_artists.place,
    ranked_artists.artist_name,
    ranked_artists.plays,
    ranked_artists.listeners,
    ranked_artists.songs,
    ranked_artists.match_rate
FROM ranked_artists
INNER JOIN parameters ON ranked_artists.place <= parameters.places
ORDER BY ranked_artists.place, ranked_artists.artist_name
