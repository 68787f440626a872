-- Where do the artists come from?
-- Plays, artists and listeners by the location that the catalogue gives for the artist of a play, matched with the song
-- or alone, up to place `top`; places with as many plays share a place, and all that share the last one are shown. The
-- share is of all plays.
-- It does not say where the plays without an artist of the catalogue, or with one whose location is unknown, belong.
-- Chapter: music 40.
-- Parameters: from, to, level, top = 20.
WITH place_plays AS (
    SELECT
        artists.location,
        count(*) AS plays,
        count(DISTINCT plays.artist_id) AS artists,
        count(DISTINCT plays.user_id) AS listeners
    FROM plays
    INNER JOIN artists ON plays.artist_id = artists.artist_id
    WHERE artists.location IS NOT NULL
    GROUP BY artists.location
),

ranked_places AS (
    SELECT location, plays, artists, listeners, rank() OVER (ORDER BY plays DESC) AS place
    FROM place_plays
),

totals AS (
    SELECT count(*) AS plays FROM plays
)

SELECT
    ranked_places.place,
    ranked_places.location,
    ranked_places.plays,
    ranked_places.artists,
    ranked_places.listeners,
    cast(ranked_places.plays AS DOUBLE PRECISION) / (SELECT totals.plays FROM totals) AS play_share
FROM ranked_places
WHERE ranked_places.place <= :top
ORDER BY ranked_places.place, ranked_places.location
