-- The songs to be computed anew.
DELETE FROM songs
WHERE song_id IN (SELECT song_id FROM touched_songs) -- touched
