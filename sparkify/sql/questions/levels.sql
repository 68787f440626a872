-- Who pays?
-- Plays, and users and sessions with any event, by UTC day and level at the time of the event, not the latest level: a
-- user who changes level that day counts for both. Users at the end are those whose last event of the day has that level, so
-- that they add up to the users of the day. The last rows are the whole log, with its users' last events.
-- It does not say what anybody paid, nor the level of users without an event that day.
-- Chapter: paying 10.
-- Parameters: from, to.
WITH visits AS (
    SELECT day, coalesce(level, 'unknown') AS level, user_id, session_id, max(ts) AS last_ts
    FROM events
    WHERE user_id IS NOT NULL
    GROUP BY day, coalesce(level, 'unknown'), user_id, session_id
),

last_moments AS (
    SELECT day, user_id, max(last_ts) AS last_ts
    FROM visits
    GROUP BY day, user_id
),

-- Only events of a user's last moment of the day need an order.
ranked_events AS (
    SELECT
        events.day,
        events.user_id,
        coalesce(events.level, 'unknown') AS level,
        row_number() OVER (
            PARTITION BY events.user_id, events.ts
            ORDER BY events.session_id DESC, events.item_in_session DESC, events.level DESC
        ) AS event_rank
    FROM events
    INNER JOIN last_moments ON events.user_id = last_moments.user_id AND events.ts = last_moments.last_ts
),

ends AS (
    SELECT day, user_id, level, row_number() OVER (PARTITION BY user_id ORDER BY day DESC) AS day_rank
    FROM ranked_events
    WHERE event_rank = 1
),

day_plays AS (
    SELECT day, coalesce(level, 'unknown') AS level, count(*) AS plays
    FROM plays
    GROUP BY day, coalesce(level, 'unknown')
),

-- Each once for its day and once for the whole log.
period_visits AS (
    SELECT day, level, user_id, session_id FROM visits
    UNION ALL
    SELECT DISTINCT cast(NULL AS DATE) AS day, level, user_id, session_id FROM visits
),

period_ends AS (
    SELECT day, level FROM ends
    UNION ALL
    SELECT cast(NULL AS DATE) AS day, level FROM ends WHERE day_rank = 1
),

counts AS (
    SELECT day, level, plays, 0 AS users, 0 AS sessions, 0 AS users_at_end
    FROM day_plays
    UNION ALL
    SELECT cast(NULL AS DATE) AS day, level, plays, 0 AS users, 0 AS sessions, 0 AS users_at_end
    FROM day_plays
    UNION ALL
    SELECT day, level, 0 AS plays, count(DISTINCT user_id) AS users, count(*) AS sessions, 0 AS users_at_end
    FROM period_visits
    GROUP BY day, level
    UNION ALL
    SELECT day, level, 0 AS plays, 0 AS users, 0 AS sessions, count(*) AS users_at_end
    FROM period_ends
    GROUP BY day, level
)

SELECT
    day,
    level,
    cast(sum(plays) AS BIGINT) AS plays,
    cast(sum(users) AS BIGINT) AS users,
    cast(sum(sessions) AS BIGINT) AS sessions,
    cast(sum(users_at_end) AS BIGINT) AS users_at_end
FROM counts
GROUP BY day, level
ORDER BY day, level
