-- Who pays?
-- Plays, and users and sessions with any event, by UTC day and level at the time of the event, never the latest: who
-- changes level that day counts for both. Users at the end are those whose last event of the day has that level, so
-- that they add up to the users of the day. The last rows are the whole log, with its users' last events.
-- It does not say what anybody paid, nor the level of users without an event that day.
-- Parameters: from, to.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day
),

bounds AS (
    SELECT
        cast(first_day - DATE '1970-01-01' AS BIGINT) * 86400000 AS first_ts,
        cast(last_day + 1 - DATE '1970-01-01' AS BIGINT) * 86400000 AS end_ts
    FROM parameters
),

user_events AS (
    SELECT
        DATE '1970-01-01' + cast(floor(cast(staging_events.ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS day,
        staging_events.userId AS user_id,
        staging_events.sessionId AS session_id,
        staging_events.itemInSession AS item_in_session,
        staging_events.ts,
        staging_events.level
    FROM staging_events
    CROSS JOIN bounds
    WHERE (bounds.first_ts IS NULL OR staging_events.ts >= bounds.first_ts)
        AND (bounds.end_ts IS NULL OR staging_events.ts < bounds.end_ts)
        AND staging_events.userId IS NOT NULL
),

visits AS (
    SELECT day, coalesce(level, 'unknown') AS level, user_id, session_id, max(ts) AS last_ts
    FROM user_events
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
        user_events.day,
        user_events.user_id,
        coalesce(user_events.level, 'unknown') AS level,
        row_number() OVER (
            PARTITION BY user_events.user_id, user_events.ts
            ORDER BY user_events.session_id DESC, user_events.item_in_session DESC, user_events.level DESC
        ) AS event_rank
    FROM user_events
    INNER JOIN last_moments
        ON user_events.user_id = last_moments.user_id AND user_events.ts = last_moments.last_ts
),

ends AS (
    SELECT day, user_id, level, row_number() OVER (PARTITION BY user_id ORDER BY day DESC) AS day_rank
    FROM ranked_events
    WHERE event_rank = 1
),

day_plays AS (
    SELECT
        cast(songplays.start_time AS DATE) AS day,
        coalesce(songplays.level, 'unknown') AS level,
        count(*) AS plays
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
    GROUP BY cast(songplays.start_time AS DATE), coalesce(songplays.level, 'unknown')
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
