-- One row per user: the whole row comes from the user's latest event.
-- Descending order puts NULLs first, so that of equal events the greatest wins, NULLs greatest.
INSERT INTO users (user_id, first_name, last_name, gender, level)
WITH user_events AS (
    SELECT userId, ts, sessionId, itemInSession, firstName, lastName, gender, level
    FROM staging_events
    WHERE userId IS NOT NULL
        AND userId IN (SELECT user_id FROM touched_users) -- touched
),

-- The last moment of each user first: ranking its few events costs less than ranking them all.
last_moments AS (
    SELECT userId, max(ts) AS ts FROM user_events GROUP BY userId
),

ranked_events AS (
    SELECT
        event.userId, event.firstName, event.lastName, event.gender, event.level,
        row_number() OVER (
            PARTITION BY event.userId
            ORDER BY
                event.sessionId DESC, event.itemInSession DESC,
                event.firstName DESC, event.lastName DESC, event.gender DESC, event.level DESC
        ) AS event_rank
    FROM user_events AS event
    INNER JOIN last_moments ON event.userId = last_moments.userId AND event.ts = last_moments.ts
)

SELECT userId AS user_id, firstName AS first_name, lastName AS last_name, gender, level
FROM ranked_events
WHERE event_rank = 1
