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

-- fail: songs_are_those_staged
-- A song of staging without a row here was lost; one without a record came from nowhere.
SELECT staged.song_id AS staged_song_id, kept.song_id AS kept_song_id
FROM (
    SELECT DISTINCT song_id
    FROM staging_songs
    WHERE song_id IS NOT NULL
        AND song_id IN (SELECT song_id FROM touched_songs) -- touched
) AS staged
FULL OUTER JOIN (
    SELECT song_id
    FROM songs
    WHERE song_id IN (SELECT song_id FROM touched_songs) -- touched
) AS kept ON staged.song_id = kept.song_id
WHERE staged.song_id IS NULL OR kept.song_id IS NULL;

-- fail: artist_is_found
-- An analyst's join to artists must not lose songs.
SELECT songs.song_id, songs.artist_id
FROM songs
WHERE songs.artist_id IS NOT NULL
    AND songs.song_id IN (SELECT song_id FROM touched_songs) -- touched
    AND NOT EXISTS (SELECT 1 FROM artists WHERE artists.artist_id = songs.artist_id);
