-- Is the service sound, and the data?
-- Errors are events on page `Error` or with a status of 400 or more, per 1,000 events; the sessions hit are those of
-- known users. An event delivered twice counts once. Rejected is the share of the records read, of both datasets, in
-- all files of the warehouse, for all days and levels; the match rate is the share of plays found in the catalogue;
-- logged out is the share of events. The newest event (UTC) shows how fresh the data is.
-- It does not say what failed, nor how late the newest event arrived.
-- Chapter: soundness 10.
-- Parameters: from, to, level.
WITH errors AS (
    SELECT user_id, session_id FROM events WHERE page = 'Error' OR status >= 400
),

error_counts AS (
    SELECT count(*) AS errors FROM errors
),

hit_sessions AS (
    SELECT DISTINCT user_id, session_id FROM errors WHERE user_id IS NOT NULL
),

hit_session_counts AS (
    SELECT count(*) AS sessions_hit FROM hit_sessions
),

event_counts AS (
    SELECT
        count(*) AS events,
        coalesce(sum(CASE WHEN auth = 'Logged Out' THEN 1 ELSE 0 END), 0) AS logged_out,
        max(happened_at) AS newest_event
    FROM events
),

record_counts AS (
    SELECT cast(sum(rejected) AS DOUBLE PRECISION) / nullif(sum(read), 0) AS rejected_share
    FROM load_files
    WHERE status = 'loaded'
),

play_counts AS (
    SELECT cast(count(song_id) AS DOUBLE PRECISION) / nullif(count(*), 0) AS match_rate
    FROM plays
)

SELECT
    event_counts.events,
    error_counts.errors,
    cast(error_counts.errors AS DOUBLE PRECISION) * 1000 / nullif(event_counts.events, 0) AS errors_per_1000_events,
    hit_session_counts.sessions_hit,
    record_counts.rejected_share,
    play_counts.match_rate,
    cast(event_counts.logged_out AS DOUBLE PRECISION) / nullif(event_counts.events, 0) AS logged_out_share,
    event_counts.newest_event -- by the clock
FROM event_counts
CROSS JOIN error_counts
CROSS JOIN hit_session_counts
CROSS JOIN record_counts
CROSS JOIN play_counts
ORDER BY event_counts.events
