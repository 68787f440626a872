-- The users to recompute.
DELETE FROM users
WHERE user_id IN (SELECT user_id FROM sparkify_touched_users) -- touched
