-- Who pays?
-- Plays, and users and sessions with any event, by UTC day and level at the time of the event, never the latest: who
-- changes level that day counts for both. Users at the end are those whose last event of the day has that level, so
-- that they add up to the users of the day. The last rows are the whole log, with its users' last events.
-- It does not say what anybody paid, nor the level of users without an event that day.
WITH user_events AS (
    SELECT
        DATE '1970-01-01' + cast(floor(cast(ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS day,
        userId AS user_id,
        sessionId AS session_id,
        itemInSession AS item_in_session,
        ts,
        level
    FROM staging_events
    WHERE userId IS NOT NULL
),

-- Each event once for its day and once for the whole log.
period_events AS (
    SELECT day, user_id, session_id, item_in_session, ts, level FROM user_events
    UNION ALL
    SELECT cast(NULL AS DATE) AS day, user_id, session_id, item_in_session, ts, level FROM user_events
),

ranked_events AS (
    SELECT
        day,
        user_id,
        coalesce(level, 'unknown') AS level,
        row_number() OVER (
            PARTITION BY day, user_id
            ORDER BY ts DESC, session_id DESC, item_in_session DESC, level DESC
        ) AS event_rank
    FROM period_events
),

user_counts AS (
    SELECT
        day,
        level,
        count(DISTINCT user_id) AS users,
        sum(CASE WHEN event_rank = 1 THEN 1 ELSE 0 END) AS users_at_end
    FROM ranked_events
    GROUP BY day, level
),

sessions AS (
    SELECT DISTINCT day, coalesce(level, 'unknown') AS level, user_id, session_id FROM period_events
),

period_plays AS (
    SELECT cast(start_time AS DATE) AS day, coalesce(level, 'unknown') AS level FROM songplays
    UNION ALL
    SELECT cast(NULL AS DATE) AS day, coalesce(level, 'unknown') AS level FROM songplays
),

counts AS (
    SELECT day, level, count(*) AS plays, 0 AS users, 0 AS sessions, 0 AS users_at_end
    FROM period_plays
    GROUP BY day, level
    UNION ALL
    SELECT day, level, 0 AS plays, 0 AS users, count(*) AS sessions, 0 AS users_at_end
    FROM sessions
    GROUP BY day, level
    UNION ALL
    SELECT day, level, 0 AS plays, users, 0 AS sessions, users_at_end
    FROM user_counts
)

SELECT
    day,
    level,
    sum(plays) AS plays,
    sum(users) AS users,
    sum(sessions) AS sessions,
    sum(users_at_end) AS users_at_end
FROM counts
GROUP BY day, level
ORDER BY day, level
