-- How often do levels change?
-- A change is an event at another level than the user's event before it. Upgrades lead to the level `paid`, downgrades lead away from it; by ISO week, named by its Monday (UTC).
-- Users are the distinct users with any change that week. Weeks without a change are left out.
-- It does not say when a user decided: a change shows at the first event after it.
-- Chapter: paying 15.
-- Parameters: from, to.
WITH user_events AS (
    SELECT user_id, week, ts, session_id, item_in_session, level
    FROM events
    WHERE user_id IS NOT NULL AND level IS NOT NULL
),

-- Only the events of users with several levels need an order.
users_with_changes AS (
    SELECT user_id
    FROM user_events
    GROUP BY user_id
    HAVING min(level) <> max(level)
),

ordered_events AS (
    SELECT
        event.user_id,
        event.week,
        event.level,
        lag(event.level) OVER (
            PARTITION BY event.user_id ORDER BY event.ts, event.session_id, event.item_in_session, event.level
        ) AS level_before
    FROM user_events AS event
    INNER JOIN users_with_changes ON event.user_id = users_with_changes.user_id
)

SELECT
    week,
    sum(CASE WHEN level = 'paid' THEN 1 ELSE 0 END) AS upgrades,
    sum(CASE WHEN level_before = 'paid' THEN 1 ELSE 0 END) AS downgrades,
    count(DISTINCT user_id) AS users
FROM ordered_events
WHERE level <> level_before
GROUP BY week
ORDER BY week
