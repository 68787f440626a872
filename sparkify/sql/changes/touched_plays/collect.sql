-- The plays of the changed files, and those that a changed catalogue record may match or have matched.
INSERT INTO touched_plays (start_time, user_id, session_id, item_in_session, ts)
WITH play_keys AS (
    SELECT userId, sessionId, itemInSession, ts
    FROM staging_events
    WHERE page = 'NextSong' AND source_id IN (SELECT source_id FROM changed_files)
    UNION
    SELECT userId, sessionId, itemInSession, ts
    FROM staging_events
    WHERE page = 'NextSong' AND artist IN (SELECT artist_name FROM touched_names)
)

SELECT
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((ts - ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS start_time,
    userId AS user_id,
    sessionId AS session_id,
    itemInSession AS item_in_session,
    ts
FROM play_keys
