-- One row per artist: the shortest name, and the whole place from the record with the most details of it.
-- Coordinates come in pairs: one without the other is dropped.
INSERT INTO artists (artist_id, name, location, latitude, longitude)
WITH artist_records AS (
    SELECT
        artist_id, artist_name,
        artist_location AS location,
        CASE WHEN artist_longitude IS NOT NULL THEN artist_latitude END AS latitude,
        CASE WHEN artist_latitude IS NOT NULL THEN artist_longitude END AS longitude
    FROM staging_songs
    WHERE artist_id IN (SELECT artist_id FROM sparkify_touched_artists) -- touched
),

ranked_names AS (
    SELECT
        artist_id, artist_name,
        row_number() OVER (PARTITION BY artist_id ORDER BY length(artist_name), artist_name) AS name_rank
    FROM artist_records
),

ranked_places AS (
    SELECT
        artist_id, location, latitude, longitude,
        row_number() OVER (
            PARTITION BY artist_id
            ORDER BY
                CASE WHEN location IS NULL THEN 1 ELSE 0 END + CASE WHEN latitude IS NULL THEN 1 ELSE 0 END,
                location, latitude, longitude
        ) AS place_rank
    FROM artist_records
)

SELECT
    ranked_names.artist_id,
    ranked_names.artist_name AS name,
    ranked_places.location,
    ranked_places.latitude,
    ranked_places.longitude
FROM ranked_names
INNER JOIN ranked_places ON ranked_names.artist_id = ranked_places.artist_id
WHERE ranked_names.name_rank = 1 AND ranked_places.place_rank = 1
