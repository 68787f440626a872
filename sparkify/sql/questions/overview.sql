-- What does the period come to?
-- First and last day are those of the first and last event (UTC). Listeners are the distinct users who played. Sessions
-- are all events with the same user and session id. Hours are the lengths of all tracks that began to play, except
-- those of a billion seconds and more; the paid share is that of plays at the level paid.
-- It does not say how long anybody listened, nor who visited without a login.
-- Chapter: glance 10.
-- Parameters: from, to, level.
WITH sessions_seen AS (
    SELECT user_id, session_id, min(day) AS first_day, max(day) AS last_day
    FROM visits
    GROUP BY user_id, session_id
),

-- Events without a user count for the days, not for the sessions.
session_counts AS (
    SELECT min(first_day) AS first_day, max(last_day) AS last_day, count(user_id) AS sessions FROM sessions_seen
),

user_plays AS (
    SELECT
        user_id,
        sum(plays) AS plays,
        sum(microseconds) AS microseconds,
        sum(CASE WHEN level = 'paid' THEN plays ELSE 0 END) AS paid_plays
    FROM user_days
    GROUP BY user_id
),

play_counts AS (
    SELECT
        cast(coalesce(sum(plays), 0) AS BIGINT) AS plays,
        count(*) AS listeners,
        cast(sum(microseconds) AS DOUBLE PRECISION) / 3600000000 AS hours,
        cast(sum(paid_plays) AS DOUBLE PRECISION) / sum(plays) AS paid_share
    FROM user_plays
)

SELECT
    session_counts.first_day,
    session_counts.last_day,
    play_counts.plays,
    play_counts.listeners,
    session_counts.sessions,
    play_counts.hours,
    play_counts.paid_share
FROM session_counts
CROSS JOIN play_counts
ORDER BY session_counts.first_day
