-- One row per run of events of a user with one level, in the order (ts, sessionId, itemInSession, level).
INSERT INTO user_levels (user_id, level, valid_from, valid_to)
WITH user_events AS (
    SELECT userId, ts, sessionId, itemInSession, level
    FROM staging_events
    WHERE userId IS NOT NULL
        AND level IS NOT NULL
        AND userId IN (SELECT user_id FROM touched_users) -- touched
),

first_events AS (
    SELECT userId, min(ts) AS ts, min(level) AS level, max(level) AS other_level
    FROM user_events
    GROUP BY userId
),

-- Most users have one level: only the events of the others need an order.
ordered_events AS (
    SELECT
        event.userId, event.ts, event.sessionId, event.itemInSession, event.level,
        lag(event.level) OVER (
            PARTITION BY event.userId ORDER BY event.ts, event.sessionId, event.itemInSession, event.level
        ) AS level_before
    FROM user_events AS event
    INNER JOIN first_events ON event.userId = first_events.userId
    WHERE first_events.level <> first_events.other_level
),

spans AS (
    SELECT
        userId, level, ts,
        lead(ts) OVER (PARTITION BY userId ORDER BY ts, sessionId, itemInSession, level) AS next_ts
    FROM ordered_events
    WHERE level_before IS NULL OR level_before <> level
    UNION ALL
    SELECT userId, level, ts, cast(NULL AS BIGINT) AS next_ts
    FROM first_events
    WHERE level = other_level
)

SELECT
    userId AS user_id,
    level,
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((ts - ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS valid_from,
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((next_ts - next_ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(next_ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS valid_to
FROM spans
