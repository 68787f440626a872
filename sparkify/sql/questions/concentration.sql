-- How evenly is the listening spread?
-- The listeners in the order of their plays, those with the most first, in steps of a twentieth of them, rounded up: how
-- many they are so far, and what share of all plays is theirs. With fewer than twenty listeners each is a step.
-- It does not say whether the same people listen most in every week, nor how long they listen.
-- Chapter: listening 55.
-- Parameters: from, to, level.
WITH user_plays AS (
    SELECT user_id, sum(plays) AS plays
    FROM user_days
    GROUP BY user_id
),

ranked_users AS (
    SELECT plays, row_number() OVER (ORDER BY plays DESC, user_id ASC) AS place
    FROM user_plays
),

totals AS (
    SELECT count(*) AS listeners, sum(plays) AS plays FROM user_plays
),

placed_users AS (
    SELECT
        plays,
        floor(cast(20 * (place - 1) AS DOUBLE PRECISION) / (SELECT totals.listeners FROM totals)) AS part
    FROM ranked_users
),

parts AS (
    SELECT part, count(*) AS listeners, sum(plays) AS plays
    FROM placed_users
    GROUP BY part
),

steps AS (
    SELECT
        cast(sum(listeners) OVER (ORDER BY part ROWS UNBOUNDED PRECEDING) AS BIGINT) AS listeners,
        cast(sum(plays) OVER (ORDER BY part ROWS UNBOUNDED PRECEDING) AS BIGINT) AS plays
    FROM parts
)

SELECT
    steps.listeners,
    cast(steps.listeners AS DOUBLE PRECISION) / totals.listeners AS listener_share,
    steps.plays,
    cast(steps.plays AS DOUBLE PRECISION) / totals.plays AS play_share
FROM steps
CROSS JOIN totals
ORDER BY steps.listeners
