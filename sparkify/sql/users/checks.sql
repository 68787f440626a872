-- fail: user_is_unique
-- A user who stands twice doubles their plays in every join.
SELECT user_id, count(*) AS copies
FROM users
WHERE user_id IN (SELECT user_id FROM touched_users) -- touched
GROUP BY user_id
HAVING count(*) > 1;

-- fail: user_is_not_null
-- Redshift declares keys and enforces none.
SELECT user_id
FROM users
WHERE user_id IS NULL;

-- fail: every_user_is_kept
-- A user of staging without a row here was lost.
SELECT DISTINCT userId
FROM staging_events
WHERE userId IS NOT NULL
    AND source_id IN (SELECT source_id FROM changed_files) -- touched
    AND userId NOT IN (SELECT user_id FROM users);
