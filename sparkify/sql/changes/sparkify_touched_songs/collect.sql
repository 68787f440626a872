-- The songs of the changed files.
INSERT INTO sparkify_touched_songs (song_id)
SELECT DISTINCT song_id
FROM staging_songs
WHERE source_id IN (SELECT source_id FROM sparkify_changed_files)
