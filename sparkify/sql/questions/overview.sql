-- What does the period come to?
-- First and last day are those of the first and last event (UTC). Listeners are the distinct users who played. Sessions
-- are all events with the same user and session id. Hours are the lengths of all tracks that began to play, but for
-- those of a billion seconds and more; the paid share is that of plays at the level paid.
-- It does not say how long anybody listened, nor who visited without a login.
-- Parameters: from, to, level.
WITH parameters AS (
    SELECT cast($1 AS DATE) AS first_day, cast($2 AS DATE) AS last_day, cast($3 AS VARCHAR) AS level
),

bounds AS (
    SELECT
        cast(first_day - DATE '1970-01-01' AS BIGINT) * 86400000 AS first_ts,
        cast(last_day + 1 - DATE '1970-01-01' AS BIGINT) * 86400000 AS end_ts,
        level
    FROM parameters
),

events AS (
    SELECT staging_events.userId AS user_id, staging_events.sessionId AS session_id, staging_events.ts
    FROM staging_events
    CROSS JOIN bounds
    WHERE (bounds.first_ts IS NULL OR staging_events.ts >= bounds.first_ts)
        AND (bounds.end_ts IS NULL OR staging_events.ts < bounds.end_ts)
        AND (bounds.level IS NULL OR staging_events.level = bounds.level)
),

log_days AS (
    SELECT
        DATE '1970-01-01' + cast(floor(cast(min(ts) AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS first_day,
        DATE '1970-01-01' + cast(floor(cast(max(ts) AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS last_day
    FROM events
),

user_sessions AS (
    SELECT DISTINCT user_id, session_id FROM events WHERE user_id IS NOT NULL
),

session_counts AS (
    SELECT count(*) AS sessions FROM user_sessions
),

play_counts AS (
    SELECT
        count(*) AS plays,
        count(DISTINCT songplays.user_id) AS listeners,
        -- Whole numbers, for the order in which fractions are added shows in the last digits of their sum.
        cast(sum(CASE
            WHEN abs(songplays.song_length) <= 1000000000 THEN cast(round(songplays.song_length * 1000000) AS BIGINT)
        END) AS DOUBLE PRECISION) / 3600000000 AS hours,
        cast(sum(CASE WHEN songplays.level = 'paid' THEN 1 ELSE 0 END) AS DOUBLE PRECISION)
        / nullif(count(*), 0) AS paid_share
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
        AND (parameters.level IS NULL OR songplays.level = parameters.level)
)

SELECT
    log_days.first_day,
    log_days.last_day,
    play_counts.plays,
    play_counts.listeners,
    session_counts.sessions,
    play_counts.hours,
    play_counts.paid_share
FROM log_days
CROSS JOIN session_counts
CROSS JOIN play_counts
ORDER BY log_days.first_day
