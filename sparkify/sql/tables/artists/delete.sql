-- The artists to be computed anew.
DELETE FROM artists
WHERE artist_id IN (SELECT artist_id FROM touched_artists) -- touched
