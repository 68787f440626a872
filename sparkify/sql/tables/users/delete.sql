-- The users to recompute.
DELETE FROM users
WHERE user_id IN (SELECT user_id FROM touched_users) -- touched
