-- Which songs win?
-- Plays and distinct listeners by title and artist as logged, up to place `top`; songs with as many plays share a
-- place, and all that share the last one are shown. The match rate is the share of the plays found in the catalogue.
-- It does not say whether two spellings are one song, nor whether a play was heard to its end.
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

song_plays AS (
    SELECT
        song_title,
        artist_name,
        count(*) AS plays,
        count(DISTINCT user_id) AS listeners,
        cast(count(song_id) AS DOUBLE PRECISION) / count(*) AS match_rate
    FROM plays
    GROUP BY song_title, artist_name
),

ranked_songs AS (
    SELECT song_title, artist_name, plays, listeners, match_rate, rank() OVER (ORDER BY plays DESC) AS place
    FROM song_plays
)

SELECT
    ranked_songs.place,
    ranked_songs.song_title,
    ranked_songs.artist_name,
    ranked_songs.plays,
    ranked_songs.listeners,
    ranked_songs.match_rate
FROM ranked_songs
INNER JOIN parameters ON ranked_songs.place <= parameters.places
ORDER BY ranked_songs.place, ranked_songs.song_title, ranked_songs.artist_name
