SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

SELECT layout, star, program FROM warehouse_version;

SELECT count(*)
FROM (
SELECT songplay_id, count(*) AS copies
FROM songplays
GROUP BY songplay_id
HAVING count(*) > 1
) AS broken;

SELECT count(*)
FROM (
SELECT user_id, session_id, item_in_session, start_time, count(*) AS copies
FROM songplays
GROUP BY user_id, session_id, item_in_session, start_time
HAVING count(*) > 1
) AS broken;

SELECT count(*)
FROM (
SELECT songplay_id, start_time, user_id, session_id, item_in_session
FROM songplays
WHERE songplay_id IS NULL OR start_time IS NULL OR user_id IS NULL OR session_id IS NULL OR item_in_session IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT staged.user_id, staged.session_id, staged.item_in_session, staged.start_time, play.songplay_id
FROM (
    SELECT
        userId AS user_id, sessionId AS session_id, itemInSession AS item_in_session,
        TIMESTAMP '1970-01-01 00:00:00'
        + cast((ts - ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
        + cast(ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS start_time
    FROM staging_events
    WHERE page = 'NextSong'
) AS staged
FULL OUTER JOIN (
    SELECT songplay_id, user_id, session_id, item_in_session, start_time
    FROM songplays
) AS play
    ON staged.user_id = play.user_id
        AND staged.session_id = play.session_id
        AND staged.item_in_session = play.item_in_session
        AND staged.start_time = play.start_time
WHERE staged.user_id IS NULL OR play.songplay_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT used.user_id, used.number
FROM (
    SELECT user_id, count(*) AS number
    FROM songplays
    WHERE user_id IS NOT NULL
    GROUP BY user_id
) AS used
WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.user_id = used.user_id)
) AS broken;

SELECT count(*)
FROM (
SELECT used.song_id, used.number
FROM (
    SELECT song_id, count(*) AS number
    FROM songplays
    WHERE song_id IS NOT NULL
    GROUP BY song_id
) AS used
WHERE NOT EXISTS (SELECT 1 FROM songs WHERE songs.song_id = used.song_id)
) AS broken;

SELECT count(*)
FROM (
SELECT plays.artist_id, plays.number
FROM (
    SELECT artist_id, song_id IS NULL AS is_without_song, count(*) AS number
    FROM songplays
    WHERE (artist_id IS NOT NULL OR song_id IS NOT NULL)
    GROUP BY artist_id, song_id IS NULL
) AS plays
WHERE plays.artist_id IS NULL
    OR plays.is_without_song
    OR NOT EXISTS (SELECT 1 FROM artists WHERE artists.artist_id = plays.artist_id)
) AS broken;

SELECT count(*)
FROM (
SELECT count(*) AS plays, count(song_id) AS matched_plays
FROM songplays
HAVING count(*) > 0 AND count(song_id) * 100 < count(*)
) AS broken;

SELECT count(*)
FROM (
SELECT last_load.load_id, last_load.newest_ts, every_load.newest_ts AS newest_ts_of_all
FROM (
    SELECT files.load_id, max(event.ts) AS newest_ts
    FROM staging_events AS event
    INNER JOIN load_files AS files ON event.source_id = files.source_id
    WHERE files.load_id = (SELECT max(load_id) FROM load_files WHERE dataset = 'events' AND loaded > 0)
    GROUP BY files.load_id
) AS last_load
CROSS JOIN (SELECT max(ts) AS newest_ts FROM staging_events) AS every_load
WHERE last_load.newest_ts < every_load.newest_ts
) AS broken;

SELECT count(*)
FROM (
SELECT user_id, count(*) AS copies
FROM users
GROUP BY user_id
HAVING count(*) > 1
) AS broken;

SELECT count(*)
FROM (
SELECT user_id
FROM users
WHERE user_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT staged.user_id AS staged_user_id, kept.user_id AS kept_user_id
FROM (
    SELECT DISTINCT userId AS user_id
    FROM staging_events
    WHERE userId IS NOT NULL
) AS staged
FULL OUTER JOIN (
    SELECT user_id
    FROM users
) AS kept ON staged.user_id = kept.user_id
WHERE staged.user_id IS NULL OR kept.user_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT song_id, count(*) AS copies
FROM songs
GROUP BY song_id
HAVING count(*) > 1
) AS broken;

SELECT count(*)
FROM (
SELECT song_id
FROM songs
WHERE song_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT staged.song_id AS staged_song_id, kept.song_id AS kept_song_id
FROM (
    SELECT DISTINCT song_id AS song_id
    FROM staging_songs
    WHERE song_id IS NOT NULL
) AS staged
FULL OUTER JOIN (
    SELECT song_id
    FROM songs
) AS kept ON staged.song_id = kept.song_id
WHERE staged.song_id IS NULL OR kept.song_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT used.artist_id, used.number
FROM (
    SELECT artist_id, count(*) AS number
    FROM songs
    WHERE artist_id IS NOT NULL
    GROUP BY artist_id
) AS used
WHERE NOT EXISTS (SELECT 1 FROM artists WHERE artists.artist_id = used.artist_id)
) AS broken;

SELECT count(*)
FROM (
SELECT artist_id, count(*) AS copies
FROM artists
GROUP BY artist_id
HAVING count(*) > 1
) AS broken;

SELECT count(*)
FROM (
SELECT artist_id
FROM artists
WHERE artist_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT staged.artist_id AS staged_artist_id, kept.artist_id AS kept_artist_id
FROM (
    SELECT DISTINCT artist_id AS artist_id
    FROM staging_songs
    WHERE artist_id IS NOT NULL
) AS staged
FULL OUTER JOIN (
    SELECT artist_id
    FROM artists
) AS kept ON staged.artist_id = kept.artist_id
WHERE staged.artist_id IS NULL OR kept.artist_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT artist_id, latitude, longitude
FROM artists
WHERE latitude NOT BETWEEN -90 AND 90 OR longitude NOT BETWEEN -180 AND 180
) AS broken;

SELECT count(*)
FROM (
SELECT start_time
FROM time
WHERE start_time IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT start_time, count(moment) AS moments, count(play) AS plays
FROM (
    SELECT start_time, 1 AS moment, cast(NULL AS INTEGER) AS play
    FROM time
    UNION ALL
    SELECT start_time, cast(NULL AS INTEGER) AS moment, 1 AS play
    FROM songplays
) AS sides
WHERE start_time IS NOT NULL
GROUP BY start_time
HAVING count(moment) <> 1 OR count(play) = 0
) AS broken;

SELECT count(*)
FROM (
SELECT load_id, count(*) AS copies
FROM load_history
GROUP BY load_id
HAVING count(*) > 1
) AS broken;

SELECT count(*)
FROM (
SELECT load_history.load_id, load_history.read, load_history.loaded, load_history.rejected, files.read AS files_read
FROM load_history
INNER JOIN (
    SELECT load_id, sum(read) AS read, sum(loaded) AS loaded, sum(rejected) AS rejected
    FROM load_files
    GROUP BY load_id
) AS files ON load_history.load_id = files.load_id
WHERE load_history.read <> files.read
    OR load_history.loaded <> files.loaded
    OR load_history.rejected <> files.rejected
) AS broken;

SELECT count(*)
FROM (
SELECT source_id, url, read, loaded, rejected
FROM load_files
WHERE status <> 'failed' AND read <> loaded + rejected
) AS broken;

SELECT count(*)
FROM (
SELECT source_id, count(*) AS copies
FROM load_files
GROUP BY source_id
HAVING count(*) > 1
) AS broken;

SELECT count(*)
FROM (
SELECT dataset, url, count(*) AS contents
FROM load_files
WHERE status = 'loaded'
GROUP BY dataset, url
HAVING count(*) > 1
) AS broken;

SELECT count(*)
FROM (
SELECT used.load_id, used.number
FROM (
    SELECT load_id, count(*) AS number
    FROM load_files
    WHERE load_id IS NOT NULL
    GROUP BY load_id
) AS used
WHERE NOT EXISTS (SELECT 1 FROM load_history WHERE load_history.load_id = used.load_id)
) AS broken;

SELECT count(*)
FROM (
SELECT files.source_id, files.url, files.loaded, coalesce(staged.records, 0) AS staged
FROM (
    SELECT source_id, url, loaded
    FROM load_files
    WHERE status = 'loaded'
) AS files
FULL OUTER JOIN (
    SELECT source_id, count(*) AS records
    FROM (
        SELECT source_id FROM staging_events
        UNION ALL
        SELECT source_id FROM staging_songs
    ) AS staging
    GROUP BY source_id
) AS staged ON files.source_id = staged.source_id
WHERE coalesce(files.loaded, 0) <> coalesce(staged.records, 0)
) AS broken;

SELECT count(*)
FROM (
SELECT files.source_id, files.url, files.rejected, coalesce(kept.records, 0) AS kept
FROM (
    SELECT source_id, url, rejected
    FROM load_files
    WHERE status IN ('loaded', 'failed')
) AS files
FULL OUTER JOIN (
    SELECT source_id, count(*) AS records
    FROM rejected_records
    GROUP BY source_id
) AS kept ON files.source_id = kept.source_id
WHERE coalesce(files.rejected, 0) <> coalesce(kept.records, 0)
) AS broken;

SELECT count(*)
FROM (
SELECT load_files.source_id, load_files.url
FROM load_files
WHERE load_files.status = 'failed'
    AND load_files.read = 0
    AND NOT EXISTS (
        SELECT 1 FROM load_files AS later
        WHERE later.dataset = load_files.dataset AND later.url = load_files.url
            AND later.source_id > load_files.source_id
    )
) AS broken;

SELECT count(*)
FROM (
SELECT sum(read) AS records_read, sum(rejected) AS records_rejected
FROM load_files
WHERE status = 'loaded'
HAVING sum(rejected) * 20 > sum(read)
) AS broken;
