-- fail: user_is_unique = unique(user_id)
-- A user with two rows doubles their plays in every join.

-- fail: user_is_not_null = not_null(user_id)
-- Redshift declares keys but does not enforce them.

-- fail: users_are_those_staged = those_staged(user_id, staging_events, userId)
-- A staged user without a row here was lost; a row without a staged event has no origin.
