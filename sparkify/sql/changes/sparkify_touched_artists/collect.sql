-- The artists of the changed files.
INSERT INTO sparkify_touched_artists (artist_id)
SELECT DISTINCT artist_id
FROM staging_songs
WHERE source_id IN (SELECT source_id FROM sparkify_changed_files)
