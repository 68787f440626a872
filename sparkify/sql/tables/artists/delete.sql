-- The artists to recompute.
DELETE FROM artists
WHERE artist_id IN (SELECT artist_id FROM sparkify_touched_artists) -- touched
