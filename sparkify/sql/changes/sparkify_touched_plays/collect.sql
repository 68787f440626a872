-- The plays of the changed files.
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
WHERE page = 'NextSong' AND source_id IN (SELECT source_id FROM sparkify_changed_files)
