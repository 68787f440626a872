-- Which songs win?
-- Plays and distinct listeners by title and artist as logged, up to place `top`; songs with as many plays share a
-- place, and all that share the last one are shown. The match rate is the share of the plays found in the catalogue.
-- It does not say whether two spellings are one song, nor whether a play was heard to its end.
-- Chapter: music 10.
-- Parameters: from, to, level, top = 20.
WITH song_plays AS (
    SELECT
        song_title,
        artist_name,
        count(*) AS plays,
        cast(count(song_id) AS DOUBLE PRECISION) / count(*) AS match_rate
    FROM plays
    GROUP BY song_title, artist_name
),

ranked_songs AS (
    SELECT song_title, artist_name, plays, match_rate, rank() OVER (ORDER BY plays DESC) AS place
    FROM song_plays
),

top_songs AS (
    SELECT song_title, artist_name, plays, match_rate, place FROM ranked_songs WHERE place <= :top
),

-- For the top songs only: counting distinct listeners is slow.
song_listeners AS (
    SELECT plays.song_title, plays.artist_name, count(DISTINCT plays.user_id) AS listeners
    FROM plays
    INNER JOIN top_songs ON plays.song_title = top_songs.song_title AND plays.artist_name = top_songs.artist_name
    GROUP BY plays.song_title, plays.artist_name
)

SELECT
    top_songs.place,
    top_songs.song_title,
    top_songs.artist_name,
    top_songs.plays,
    song_listeners.listeners,
    top_songs.match_rate
FROM top_songs
INNER JOIN song_listeners
    ON top_songs.song_title = song_listeners.song_title AND top_songs.artist_name = song_listeners.artist_name
ORDER BY top_songs.place, top_songs.song_title, top_songs.artist_name
