-- What the changed catalogue records match plays by.
INSERT INTO touched_tracks (title, artist_name)
SELECT DISTINCT title, artist_name
FROM staging_songs
WHERE source_id IN (SELECT source_id FROM changed_files)
