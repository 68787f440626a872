-- The songs of the changed files.
INSERT INTO touched_songs (song_id)
SELECT DISTINCT song_id
FROM staging_songs
WHERE source_id IN (SELECT source_id FROM changed_files)
