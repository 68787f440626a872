-- What is a visit like?
-- A session is all events with the same user and session id; an event delivered twice counts once. It lasts from its
-- first event to its last, in minutes. That is a lower bound: the track after the last event is not in it, and a
-- session of one event lasts 0. Median and 90th percentile stand beside the mean, which a few long sessions raise.
-- It does not say anything of visits before the login: those events name no user.
-- Parameters: from, to, level.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day,
        cast($3 AS VARCHAR) AS level
),

bounds AS (
    SELECT
        cast(first_day - DATE '1970-01-01' AS BIGINT) * 86400000 AS first_ts,
        cast(last_day + 1 - DATE '1970-01-01' AS BIGINT) * 86400000 AS end_ts,
        level
    FROM parameters
),

session_lengths AS (
    SELECT
        staging_events.userId AS user_id,
        staging_events.sessionId AS session_id,
        max(staging_events.ts) - min(staging_events.ts) AS milliseconds,
        -- Copies of one event differ in none of these.
        CASE
            WHEN
                min(staging_events.ts) = max(staging_events.ts)
                AND min(staging_events.itemInSession) = max(staging_events.itemInSession)
                AND min(staging_events.page) = max(staging_events.page)
                THEN 1
            ELSE 0
        END AS one_event
    FROM staging_events
    CROSS JOIN bounds
    WHERE (bounds.first_ts IS NULL OR staging_events.ts >= bounds.first_ts)
        AND (bounds.end_ts IS NULL OR staging_events.ts < bounds.end_ts)
        AND (bounds.level IS NULL OR staging_events.level = bounds.level)
        AND staging_events.userId IS NOT NULL
    GROUP BY staging_events.userId, staging_events.sessionId
),

session_plays AS (
    SELECT songplays.user_id, songplays.session_id, count(*) AS plays
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
        AND (parameters.level IS NULL OR songplays.level = parameters.level)
    GROUP BY songplays.user_id, songplays.session_id
),

sessions AS (
    SELECT
        session_lengths.one_event,
        session_lengths.milliseconds,
        cast(session_lengths.milliseconds AS DOUBLE PRECISION) / 60000 AS minutes,
        coalesce(session_plays.plays, 0) AS plays
    FROM session_lengths
    LEFT JOIN session_plays
        ON session_lengths.user_id = session_plays.user_id AND session_lengths.session_id = session_plays.session_id
),

summary AS (
    SELECT
        count(*) AS sessions,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes) AS median_minutes,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY minutes) AS p90_minutes,
        cast(sum(milliseconds) AS DOUBLE PRECISION) / 60000 AS total_minutes,
        cast(sum(plays) AS DOUBLE PRECISION) AS plays,
        sum(one_event) AS one_event_sessions
    FROM sessions
)

SELECT
    sessions,
    median_minutes,
    p90_minutes,
    total_minutes / nullif(sessions, 0) AS mean_minutes,
    plays / nullif(sessions, 0) AS mean_plays,
    coalesce(one_event_sessions, 0) AS one_event_sessions,
    cast(one_event_sessions AS DOUBLE PRECISION) / nullif(sessions, 0) AS one_event_share
FROM summary
ORDER BY sessions
