-- The spans to recompute: the one that the user's first change is in or ends, and those after it.
DELETE FROM user_levels
USING touched_users -- touched
WHERE user_levels.user_id = touched_users.user_id -- touched
    AND (user_levels.valid_to >= touched_users.moment OR user_levels.valid_to IS NULL) -- touched
