-- The plays that a changed catalogue record may match or have matched. They may be of any time.
INSERT INTO sparkify_touched_plays (start_time, user_id, session_id, item_in_session, ts)
SELECT DISTINCT
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((ts - ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS start_time,
    userId AS user_id,
    sessionId AS session_id,
    itemInSession AS item_in_session,
    ts
FROM staging_events
WHERE page = 'NextSong' AND artist IN (SELECT artist_name FROM sparkify_touched_names)
