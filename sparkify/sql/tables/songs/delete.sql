-- The songs to recompute.
DELETE FROM songs
WHERE song_id IN (SELECT song_id FROM sparkify_touched_songs) -- touched
