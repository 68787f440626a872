-- Which artists win?
-- Plays and distinct listeners by artist name as logged, up to place `top`; artists with as many plays share a place,
-- and all that share the last one are shown. Songs are the distinct titles played; the match rate is the share of the
-- plays found in the catalogue.
-- It does not say whether two names are one artist: "X" and "X feat. Y" are counted separately, as logged.
-- Chapter: music 20.
-- Parameters: from, to, level, top = 20.
WITH artist_plays AS (
    SELECT artist_name, count(*) AS plays, cast(count(song_id) AS DOUBLE PRECISION) / count(*) AS match_rate
    FROM plays
    GROUP BY artist_name
),

ranked_artists AS (
    SELECT artist_name, plays, match_rate, rank() OVER (ORDER BY plays DESC) AS place
    FROM artist_plays
),

top_artists AS (
    SELECT artist_name, plays, match_rate, place FROM ranked_artists WHERE place <= :top
),

-- For the top artists only: counting distinct listeners and songs is slow.
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
