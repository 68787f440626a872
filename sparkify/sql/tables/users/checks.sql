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

-- fail: users_are_those_staged
-- A user of staging without a row here was lost; one without an event came from nowhere.
SELECT staged.user_id AS staged_user_id, kept.user_id AS kept_user_id
FROM (
    SELECT DISTINCT userId AS user_id
    FROM staging_events
    WHERE userId IS NOT NULL
        AND userId IN (SELECT user_id FROM touched_users) -- touched
) AS staged
FULL OUTER JOIN (
    SELECT user_id
    FROM users
    WHERE user_id IN (SELECT user_id FROM touched_users) -- touched
) AS kept ON staged.user_id = kept.user_id
WHERE staged.user_id IS NULL OR kept.user_id IS NULL;
