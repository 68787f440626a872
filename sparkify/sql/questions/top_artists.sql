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
    SELECT artist_name, count(*) AS plays, cast(count(song_id) AS DOUBLE PRECISION) / count(*) AS match_rate
    FROM plays
    GROUP BY artist_name
),

ranked_artists AS (
    SELECT artist_name, plays, match_rate, rank() OVER (ORDER BY plays DESC) AS place
    FROM artist_plays
),

top_artists AS (
    SELECT ranked_artists.artist_name, ranked_artists.plays, ranked_artists.match_rate, ranked_artists.place
    FROM ranked_artists
    INNER JOIN parameters ON ranked_artists.place <= parameters.places
),

-- Of the top artists alone: telling listeners and songs apart is what takes long.
artist_audiences AS (
    SELECT
        plays.artist_name,
        count(DISTINCT plays.user_id) AS listeners,
        count(DISTINCT plays.song_title) AS songs
    FROM plays
    INNER JOIN top_artists ON plays.artist_name = top_artists.artist_name
    GROUP BY plays.artist_name
)

SELECT
    top_artists.place,
    top_artists.artist_name,
    top_artists.plays,
    artist_audiences.listeners,
    artist_audiences.songs,
    top_artists.match_rate
FROM top_artists
INNER JOIN artist_audiences ON top_artists.artist_name = artist_audiences.artist_name
ORDER BY top_artists.place, top_artists.artist_name
