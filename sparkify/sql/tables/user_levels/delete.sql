-- The spans of the users to recompute.
DELETE FROM user_levels
WHERE user_id IN (SELECT user_id FROM touched_users) -- touched
