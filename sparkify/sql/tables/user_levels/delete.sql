-- The spans to recompute: the one that the user's first change is in or ends, and those after it.
DELETE FROM user_levels
USING sparkify_touched_users -- touched
WHERE user_levels.user_id = sparkify_touched_users.user_id -- touched
    AND (user_levels.valid_to >= sparkify_touched_users.moment OR user_levels.valid_to IS NULL) -- touched
