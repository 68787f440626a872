-- The moments to recompute.
DELETE FROM time
WHERE start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
