-- fail: song_is_unique
-- A song that stands twice doubles its plays in every join.
SELECT song_id, count(*) AS copies
FROM songs
WHERE song_id IN (SELECT song_id FROM touched_songs) -- touched
GROUP BY song_id
HAVING count(*) > 1;

-- fail: song_is_not_null
-- Redshift declares keys and enforces none.
SELECT song_id
FROM songs
WHERE song_id IS NULL;

-- fail: every_song_is_kept
-- A song of staging without a row here was lost.
SELECT DISTINCT song_id
FROM staging_songs
WHERE song_id IS NOT NULL
    AND source_id IN (SELECT source_id FROM changed_files) -- touched
    AND song_id NOT IN (SELECT song_id FROM songs);

-- fail: artist_is_found
-- An analyst's join to artists must not lose songs.
SELECT song_id, artist_id
FROM songs
WHERE artist_id IS NOT NULL
    AND song_id IN (SELECT song_id FROM touched_songs) -- touched
    AND artist_id NOT IN (SELECT artist_id FROM artists);
