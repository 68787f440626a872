-- The moments to be computed anew.
DELETE FROM time
WHERE start_time IN (SELECT start_time FROM touched_plays) -- touched
