-- The songs to recompute.
DELETE FROM songs
WHERE song_id IN (SELECT song_id FROM touched_songs) -- touched
