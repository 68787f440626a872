-- fail: user_is_unique = unique(user_id)
-- A user who stands twice doubles their plays in every join.

-- fail: user_is_not_null = not_null(user_id)
-- Redshift declares keys and enforces none.

-- fail: users_are_those_staged = those_staged(user_id, staging_events, userId)
-- A user of staging without a row here was lost; one without an event came from nowhere.
