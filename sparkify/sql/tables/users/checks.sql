-- fail: user_is_unique = unique(user_id)
-- A user with two rows doubles their plays in every join.

-- fail: user_is_not_null = not_null(user_id)
-- Redshift declares keys but does not enforce them.

-- fail: users_are_those_staged = those_staged(user_id, staging_events, userId)
-- A staged user without a row here was lost; a row without a staged event has no origin.

-- warn: registrations_are_in_milliseconds
-- A user registered before the year 2000: the registration may be in seconds, where milliseconds are expected.
SELECT user_id, registered_at
FROM users
WHERE user_id IS NOT NULL
    AND user_id IN (SELECT user_id FROM sparkify_touched_users) -- touched
    AND registered_at < TIMESTAMP '2000-01-01 00:00:00';
