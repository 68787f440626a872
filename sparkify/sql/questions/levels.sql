-- Who pays?
-- Plays, and users and sessions with any event, by day (UTC) and level at the time of the event, not the latest level: a
-- user who changes level that day counts for both. Users at the end are those whose last event of the day has that level, so
-- that they add up to the users of the day. The last rows are the whole log, with its users' last events.
-- It does not say what anybody paid, nor the level of users without an event that day.
-- Totals: day.
-- Chapter: paying 10.
-- Parameters: from, to.
WITH user_visits AS (
    SELECT day, coalesce(level, 'unknown') AS level, user_id, session_id, max(last_ts) AS last_ts
    FROM visits
    WHERE user_id IS NOT NULL
    GROUP BY day, coalesce(level, 'unknown'), user_id, session_id
),

last_moments AS (
    SELECT day, user_id, max(last_ts) AS last_ts
    FROM user_visits
    GROUP BY day, user_id
),

last_visits AS (
    SELECT
        user_visits.day,
        user_visits.user_id,
        user_visits.last_ts,
        count(*) AS visits,
        min(user_visits.level) AS level
    FROM user_visits
    INNER JOIN last_moments
        ON user_visits.day = last_moments.day
            AND user_visits.user_id = last_moments.user_id
            AND user_visits.last_ts = last_moments.last_ts
    GROUP BY user_visits.day, user_visits.user_id, user_visits.last_ts
),

-- Only events of a last moment that several visits share need an order.
ranked_events AS (
    SELECT
        last_visits.day,
        events.user_id,
        coalesce(events.level, 'unknown') AS level,
        row_number() OVER (
            PARTITION BY events.user_id, events.ts
            ORDER BY events.session_id DESC, events.item_in_session DESC, events.level DESC
        ) AS event_rank
    FROM events
    INNER JOIN last_visits ON events.user_id = last_visits.user_id AND events.ts = last_visits.last_ts
    WHERE last_visits.visits > 1
),

ends AS (
    SELECT day, user_id, level FROM last_visits WHERE visits = 1
    UNION ALL
    SELECT day, user_id, level FROM ranked_events WHERE event_rank = 1
),

last_days AS (
    SELECT user_id, max(day) AS day
    FROM last_moments
    GROUP BY user_id
),

-- The users and sessions of a day, and those of the whole log, whose day is NULL.
day_users AS (
    SELECT day, level, user_id, count(*) AS sessions
    FROM user_visits
    GROUP BY day, level, user_id
),

log_sessions AS (
    SELECT DISTINCT level, user_id, session_id FROM user_visits
),

log_users AS (
    SELECT level, user_id, count(*) AS sessions
    FROM log_sessions
    GROUP BY level, user_id
),

day_plays AS (
    SELECT day, coalesce(level, 'unknown') AS level, sum(plays) AS plays
    FROM user_days
    GROUP BY day, coalesce(level, 'unknown')
),

counts AS (
    SELECT day, level, plays, 0 AS users, 0 AS sessions, 0 AS users_at_end
    FROM day_plays
    UNION ALL
    SELECT cast(NULL AS DATE) AS day, level, plays, 0 AS users, 0 AS sessions, 0 AS users_at_end
    FROM day_plays
    UNION ALL
    SELECT day, level, 0 AS plays, count(*) AS users, sum(sessions) AS sessions, 0 AS users_at_end
    FROM day_users
    GROUP BY day, level
    UNION ALL
    SELECT
        cast(NULL AS DATE) AS day,
        level,
        0 AS plays,
        count(*) AS users,
        sum(sessions) AS sessions,
        0 AS users_at_end
    FROM log_users
    GROUP BY level
    UNION ALL
    SELECT day, level, 0 AS plays, 0 AS users, 0 AS sessions, count(*) AS users_at_end
    FROM ends
    GROUP BY day, level
    UNION ALL
    SELECT
        cast(NULL AS DATE) AS day,
        ends.level,
        0 AS plays,
        0 AS users,
        0 AS sessions,
        count(*) AS users_at_end
    FROM ends
    INNER JOIN last_days ON ends.user_id = last_days.user_id AND ends.day = last_days.day
    GROUP BY ends.level
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
