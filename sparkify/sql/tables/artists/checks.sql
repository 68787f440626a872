-- fail: artist_is_unique
-- An artist who stands twice doubles their plays in every join.
SELECT artist_id, count(*) AS copies
FROM artists
WHERE artist_id IN (SELECT artist_id FROM touched_artists) -- touched
GROUP BY artist_id
HAVING count(*) > 1;

-- fail: artist_is_not_null
-- Redshift declares keys and enforces none.
SELECT artist_id
FROM artists
WHERE artist_id IS NULL;

-- fail: artists_are_those_staged
-- An artist of staging without a row here was lost; one without a record came from nowhere.
SELECT staged.artist_id AS staged_artist_id, kept.artist_id AS kept_artist_id
FROM (
    SELECT DISTINCT artist_id
    FROM staging_songs
    WHERE artist_id IS NOT NULL
        AND artist_id IN (SELECT artist_id FROM touched_artists) -- touched
) AS staged
FULL OUTER JOIN (
    SELECT artist_id
    FROM artists
    WHERE artist_id IN (SELECT artist_id FROM touched_artists) -- touched
) AS kept ON staged.artist_id = kept.artist_id
WHERE staged.artist_id IS NULL OR kept.artist_id IS NULL;

-- warn: coordinates_are_on_earth
-- A latitude beyond 90 or a longitude beyond 180 degrees is no place.
SELECT artist_id, latitude, longitude
FROM artists
WHERE latitude NOT BETWEEN -90 AND 90 OR longitude NOT BETWEEN -180 AND 180;
