-- What is a visit like?
-- A session is all events with the same user and session id; an event delivered twice counts once. It lasts from its
-- first event to its last, in minutes. That is a lower bound: the track after the last event is not in it, and a
-- session of one event lasts 0. Median and 90th percentile are given too, because a few long sessions raise the mean.
-- It does not say anything about visits before the login: those events have no user.
-- Chapter: listening 30.
-- Parameters: from, to, level.
WITH user_sessions AS (
    SELECT
        max(last_ts) - min(first_ts) AS milliseconds,
        cast(max(last_ts) - min(first_ts) AS DOUBLE PRECISION) / 60000 AS minutes,
        sum(plays) AS plays,
        CASE WHEN sum(events) = 1 THEN 1 ELSE 0 END AS one_event
    FROM visits
    WHERE user_id IS NOT NULL
    GROUP BY user_id, session_id
),

summary AS (
    SELECT
        count(*) AS sessions,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes) AS median_minutes,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY minutes) AS p90_minutes,
        cast(sum(milliseconds) AS DOUBLE PRECISION) / 60000 AS total_minutes,
        cast(sum(plays) AS DOUBLE PRECISION) AS plays,
        sum(one_event) AS one_event_sessions
    FROM user_sessions
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
