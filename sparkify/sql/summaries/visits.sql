-- Grain: the events of one session on one UTC day at one level. Events without a user are those of no user.
-- Source: events.
SELECT
    day,
    level,
    user_id,
    session_id,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    count(*) AS events,
    count(CASE WHEN page = 'NextSong' THEN 1 END) AS plays
FROM events
GROUP BY day, level, user_id, session_id
