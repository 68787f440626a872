-- How often do levels change?
-- A change is an event at another level than the user's event before it. Upgrades lead to the level `paid`, downgrades lead away from it; by ISO week, named by its Monday (UTC).
-- Users are the distinct users with any change that week. Weeks without a change are left out.
-- It does not say when a user decided: a change shows at the first event after it.
-- Chapter: paying 15.
-- Parameters: from, to.
WITH user_visits AS (
    SELECT day, user_id, level, first_ts, last_ts
    FROM visits
    WHERE user_id IS NOT NULL AND level IS NOT NULL
),

users_with_changes AS (
    SELECT user_id
    FROM user_visits
    GROUP BY user_id
    HAVING min(level) <> max(level)
),

ordered_visits AS (
    SELECT
        visit.day,
        visit.user_id,
        visit.level,
        visit.first_ts,
        lag(visit.level) OVER (PARTITION BY visit.user_id ORDER BY visit.first_ts) AS level_before,
        max(visit.last_ts) OVER (
            PARTITION BY visit.user_id ORDER BY visit.first_ts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS last_ts_before
    FROM user_visits AS visit
    INNER JOIN users_with_changes ON visit.user_id = users_with_changes.user_id
),

-- If all visits before a change end before it, it is where the visits have it. Only the events of users with another
-- change need an order.
users_with_overlaps AS (
    SELECT DISTINCT user_id FROM ordered_visits WHERE level <> level_before AND first_ts <= last_ts_before
),

ordered_events AS (
    SELECT
        event.user_id,
        event.day,
        event.level,
        lag(event.level) OVER (
            PARTITION BY event.user_id ORDER BY event.ts, event.session_id, event.item_in_session, event.level
        ) AS level_before
    FROM events AS event
    INNER JOIN users_with_overlaps ON event.user_id = users_with_overlaps.user_id
    WHERE event.level IS NOT NULL
),

changes AS (
    SELECT visit.day, visit.user_id, visit.level, visit.level_before
    FROM ordered_visits AS visit
    LEFT JOIN users_with_overlaps ON visit.user_id = users_with_overlaps.user_id
    WHERE visit.level <> visit.level_before AND users_with_overlaps.user_id IS NULL
    UNION ALL
    SELECT day, user_id, level, level_before FROM ordered_events WHERE level <> level_before
)

SELECT
    cast(date_trunc('week', day) AS DATE) AS week,
    sum(CASE WHEN level = 'paid' THEN 1 ELSE 0 END) AS upgrades,
    sum(CASE WHEN level_before = 'paid' THEN 1 ELSE 0 END) AS downgrades,
    count(DISTINCT user_id) AS users
FROM changes
GROUP BY cast(date_trunc('week', day) AS DATE)
ORDER BY week
