SELECT 'table' AS kind, tablename AS name FROM pg_tables WHERE schemaname = current_schema()
UNION ALL
SELECT 'view' AS kind, viewname AS name FROM pg_views WHERE schemaname = current_schema();

SELECT cast(layout AS INTEGER), star, program FROM warehouse_version;

-- songplays.songplay_is_unique
SELECT 0 AS place, count(*) AS found
FROM (
SELECT songplay_id, count(*) AS copies
FROM songplays
-- Equal ids begin alike, and few others do. To group by the beginnings takes half the memory.
WHERE substring(songplay_id, 1, 12) IN (
        SELECT substring(play.songplay_id, 1, 12) AS beginning
        FROM songplays AS play
        GROUP BY substring(play.songplay_id, 1, 12)
        HAVING count(*) > 1
    )
GROUP BY songplay_id
HAVING count(*) > 1
) AS broken
UNION ALL
-- songplays.natural_key_is_unique and plays_are_those_staged
SELECT 1 AS place, count(*) AS found
FROM (
-- Proves: natural_key_is_unique, plays_are_those_staged.
-- A pair is a staged play and a row of songplays with its key. If every staged play and every row is in a pair, none was
-- lost and none has no origin. If there are then as many pairs as staged plays, no key has two rows.
SELECT joined.pairs, joined.with_staged, joined.with_play, delivered.plays
FROM (
    SELECT count(*) AS pairs, count(staged.user_id) AS with_staged, count(play.user_id) AS with_play
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
        SELECT user_id, session_id, item_in_session, start_time
        FROM songplays
    ) AS play
        ON staged.user_id = play.user_id
            AND staged.session_id = play.session_id
            AND staged.item_in_session = play.item_in_session
            AND staged.start_time = play.start_time
) AS joined
CROSS JOIN (
    SELECT count(*) AS plays
    FROM staging_events
    WHERE page = 'NextSong'
) AS delivered
WHERE joined.with_staged <> joined.pairs
    OR joined.with_play <> joined.pairs
    OR delivered.plays <> joined.pairs
) AS broken
UNION ALL
-- songplays.key_is_not_null
SELECT 2 AS place, count(*) AS found
FROM (
SELECT songplay_id, start_time, user_id, session_id, item_in_session
FROM songplays
WHERE (songplay_id IS NULL OR start_time IS NULL OR user_id IS NULL OR session_id IS NULL OR item_in_session IS NULL)
) AS broken
UNION ALL
-- songplays.user_is_found
SELECT 3 AS place, count(*) AS found
FROM (
SELECT used.user_id, used.number
FROM (
    SELECT user_id, count(*) AS number
    FROM songplays
    WHERE user_id IS NOT NULL
    GROUP BY user_id
) AS used
LEFT JOIN users ON used.user_id = users.user_id
WHERE users.user_id IS NULL
) AS broken
UNION ALL
-- songplays.song_is_found
SELECT 4 AS place, count(*) AS found
FROM (
SELECT used.song_id, used.number
FROM (
    SELECT song_id, count(*) AS number
    FROM songplays
    WHERE song_id IS NOT NULL
    GROUP BY song_id
) AS used
LEFT JOIN songs ON used.song_id = songs.song_id
WHERE songs.song_id IS NULL
) AS broken
UNION ALL
-- songplays.artist_is_found
SELECT 5 AS place, count(*) AS found
FROM (
SELECT used.artist_id, used.number
FROM (
    SELECT artist_id, count(*) AS number
    FROM songplays
    WHERE artist_id IS NOT NULL
    GROUP BY artist_id
) AS used
LEFT JOIN artists ON used.artist_id = artists.artist_id
WHERE artists.artist_id IS NULL
) AS broken
UNION ALL
-- songplays.match_says_what_was_found
SELECT 6 AS place, count(*) AS found
FROM (
SELECT song_id, artist_id, match, count(*) AS plays
FROM songplays
WHERE CASE
        WHEN song_id IS NOT NULL THEN artist_id IS NULL OR match IS NULL OR match NOT IN ('exact', 'similar')
        WHEN artist_id IS NOT NULL THEN match IS NULL OR match <> 'artist'
        ELSE match IS NOT NULL
    END
GROUP BY song_id, artist_id, match
) AS broken
UNION ALL
-- songplays.match_rate_is_useful
SELECT 7 AS place, count(*) AS found
FROM (
SELECT count(*) AS plays, count(match) AS plays_with_an_artist
FROM songplays
HAVING count(*) > 0 AND count(match) * 100 < count(*)
) AS broken
UNION ALL
-- songplays.copies_agree
SELECT 8 AS place, count(*) AS found
FROM (
SELECT userId AS user_id, sessionId AS session_id, itemInSession AS item_in_session, ts, count(*) AS records
FROM staging_events
WHERE page = 'NextSong'
    -- Where songplays has as many rows as plays were delivered, no play has a copy.
    AND (
        SELECT count(*) FROM staging_events AS play
        WHERE play.page = 'NextSong'
    ) > (
        SELECT count(*) FROM songplays
    )
GROUP BY userId, sessionId, itemInSession, ts
HAVING count(*) > 1
    AND (
        min(song) <> max(song)
        OR min(artist) <> max(artist)
        OR min(length) <> max(length) OR count(length) NOT IN (0, count(*))
        OR min(level) <> max(level) OR count(level) NOT IN (0, count(*))
        OR min(location) <> max(location) OR count(location) NOT IN (0, count(*))
        OR min(userAgent) <> max(userAgent) OR count(userAgent) NOT IN (0, count(*))
    )
) AS broken
UNION ALL
-- songplays.length_is_not_negative
SELECT 9 AS place, count(*) AS found
FROM (
SELECT songplay_id, song_title, song_length
FROM songplays
WHERE start_time IS NOT NULL
    AND song_length < 0
) AS broken
UNION ALL
-- songplays.lengths_are_in_seconds
SELECT 10 AS place, count(*) AS found
FROM (
SELECT count(song_length) AS lengths, sum(CASE WHEN song_length > 3600 THEN 1 ELSE 0 END) AS over_an_hour
FROM songplays
HAVING sum(CASE WHEN song_length > 3600 THEN 1 ELSE 0 END) * 2 > count(song_length)
) AS broken
UNION ALL
-- songplays.last_delivery_is_newest
SELECT 11 AS place, count(*) AS found
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
) AS broken
UNION ALL
-- time.moment_is_not_null
SELECT 12 AS place, count(*) AS found
FROM (
SELECT start_time
FROM time
WHERE (start_time IS NULL)
) AS broken
UNION ALL
-- time.moments_are_those_of_plays
SELECT 13 AS place, count(*) AS found
FROM (
-- Proves: moments_are_those_of_plays.
-- A pair is a play and a row of time with its start_time. If every play and every row is in a pair, no moment is missing
-- and none is without a play. If there are then as many pairs as plays, no moment has two rows.
SELECT joined.pairs, joined.with_play, joined.with_moment, kept.plays
FROM (
    SELECT count(*) AS pairs, count(play.start_time) AS with_play, count(moment.start_time) AS with_moment
    FROM (
        SELECT start_time
        FROM songplays
        WHERE start_time IS NOT NULL
    ) AS play
    FULL OUTER JOIN (
        SELECT start_time
        FROM time
        WHERE start_time IS NOT NULL
    ) AS moment ON play.start_time = moment.start_time
) AS joined
CROSS JOIN (
    SELECT count(*) AS plays
    FROM songplays
    WHERE start_time IS NOT NULL
) AS kept
WHERE joined.with_play <> joined.pairs
    OR joined.with_moment <> joined.pairs
    OR kept.plays <> joined.pairs
) AS broken;

-- staging_events.event_is_not_of_the_future
SELECT 0 AS place, count(*) AS found
FROM (
SELECT event.source_id, event.line, event.ts, newest.finished_at
FROM staging_events AS event
INNER JOIN (
    SELECT
        files.source_id, loads.finished_at,
        cast(extract(EPOCH FROM loads.finished_at) AS BIGINT) * 1000 + 86400000 AS newest_ts
    FROM load_files AS files
    INNER JOIN load_history AS loads ON files.load_id = loads.load_id
) AS newest ON event.source_id = newest.source_id
WHERE event.ts > newest.newest_ts
    -- By this alone most blocks are skipped.
    AND event.ts > (SELECT cast(extract(EPOCH FROM min(finished_at)) AS BIGINT) * 1000 FROM load_history)
) AS broken
UNION ALL
-- staging_events.session_lasts_at_most_a_day
SELECT 1 AS place, count(*) AS found
FROM (
SELECT event.userId AS user_id, event.sessionId AS session_id, min(event.ts) AS first_ts, max(event.ts) AS last_ts
FROM staging_events AS event
WHERE event.userId IS NOT NULL
GROUP BY event.userId, event.sessionId
HAVING max(event.ts) - min(event.ts) > 86400000
) AS broken
UNION ALL
-- staging_events.times_are_to_the_millisecond
SELECT 2 AS place, count(*) AS found
FROM (
SELECT count(*) AS events, sum(CASE WHEN ts % 10000 = 0 THEN 1 ELSE 0 END) AS rounded
FROM staging_events
HAVING sum(CASE WHEN ts % 10000 = 0 THEN 1 ELSE 0 END) * 2 > count(*)
) AS broken
UNION ALL
-- normalized_texts.text_is_unique
SELECT 3 AS place, count(*) AS found
FROM (
SELECT text, count(*) AS copies
FROM normalized_texts
GROUP BY text
HAVING count(*) > 1
) AS broken
UNION ALL
-- normalized_texts.staged_texts_are_normalized
SELECT 4 AS place, count(*) AS found
FROM (
SELECT staged.text
FROM (
    SELECT song AS text FROM staging_events
    WHERE page = 'NextSong'
    UNION
    SELECT artist AS text FROM staging_events
    WHERE page = 'NextSong'
    UNION
    SELECT title AS text FROM staging_songs
    UNION
    SELECT artist_name AS text FROM staging_songs
) AS staged
LEFT JOIN normalized_texts ON staged.text = normalized_texts.text
WHERE normalized_texts.text IS NULL
) AS broken
UNION ALL
-- user_levels.span_is_not_null
SELECT 5 AS place, count(*) AS found
FROM (
SELECT user_id, level, valid_from
FROM user_levels
WHERE (user_id IS NULL OR level IS NULL OR valid_from IS NULL)
) AS broken
UNION ALL
-- user_levels.user_is_found
SELECT 6 AS place, count(*) AS found
FROM (
SELECT used.user_id, used.number
FROM (
    SELECT user_id, count(*) AS number
    FROM user_levels
    WHERE user_id IS NOT NULL
    GROUP BY user_id
) AS used
LEFT JOIN users ON used.user_id = users.user_id
WHERE users.user_id IS NULL
) AS broken
UNION ALL
-- user_levels.spans_follow_each_other
SELECT 7 AS place, count(*) AS found
FROM (
SELECT user_id, level, valid_from, valid_to, next_from
FROM (
    SELECT
        user_id, level, valid_from, valid_to,
        lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, valid_to) AS next_from
    FROM user_levels
) AS spans
WHERE valid_to <> next_from
    OR (valid_to IS NULL AND next_from IS NOT NULL)
    OR (valid_to IS NOT NULL AND next_from IS NULL)
) AS broken
UNION ALL
-- user_levels.last_span_is_the_latest_level
SELECT 8 AS place, count(*) AS found
FROM (
SELECT users.user_id, users.level, span.level AS level_of_span
FROM users
LEFT JOIN user_levels AS span ON users.user_id = span.user_id AND span.valid_to IS NULL
WHERE users.user_id IS NOT NULL
    AND (
        users.level <> span.level
        OR (users.level IS NULL AND span.level IS NOT NULL)
        OR (users.level IS NOT NULL AND span.level IS NULL)
    )
) AS broken
UNION ALL
-- user_levels.play_has_the_level_of_its_span
SELECT 9 AS place, count(*) AS found
FROM (
SELECT play.songplay_id, play.user_id, play.start_time, play.level, span.level AS level_of_span
FROM songplays AS play
INNER JOIN user_levels AS span
    ON play.user_id = span.user_id
        AND play.start_time >= span.valid_from
        AND (play.start_time < span.valid_to OR span.valid_to IS NULL)
WHERE play.level <> span.level
    -- The last event up to a play is at its moment: no event of another moment makes it disagree.
    -- The plays of a user who always had one level agree.
    AND span.user_id IN (SELECT user_id FROM user_levels WHERE valid_to IS NOT NULL)
) AS broken
UNION ALL
-- users.user_is_unique
SELECT 10 AS place, count(*) AS found
FROM (
SELECT user_id, count(*) AS copies
FROM users
GROUP BY user_id
HAVING count(*) > 1
) AS broken
UNION ALL
-- users.user_is_not_null
SELECT 11 AS place, count(*) AS found
FROM (
SELECT user_id
FROM users
WHERE (user_id IS NULL)
) AS broken
UNION ALL
-- users.users_are_those_staged
SELECT 12 AS place, count(*) AS found
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
) AS broken
UNION ALL
-- users.registrations_are_in_milliseconds
SELECT 13 AS place, count(*) AS found
FROM (
SELECT user_id, registered_at
FROM users
WHERE user_id IS NOT NULL
    AND registered_at < TIMESTAMP '2000-01-01 00:00:00'
) AS broken
UNION ALL
-- songs.song_is_unique
SELECT 14 AS place, count(*) AS found
FROM (
SELECT song_id, count(*) AS copies
FROM songs
GROUP BY song_id
HAVING count(*) > 1
) AS broken
UNION ALL
-- songs.song_is_not_null
SELECT 15 AS place, count(*) AS found
FROM (
SELECT song_id
FROM songs
WHERE (song_id IS NULL)
) AS broken
UNION ALL
-- songs.songs_are_those_staged
SELECT 16 AS place, count(*) AS found
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
) AS broken
UNION ALL
-- songs.artist_is_found
SELECT 17 AS place, count(*) AS found
FROM (
SELECT used.artist_id, used.number
FROM (
    SELECT artist_id, count(*) AS number
    FROM songs
    WHERE artist_id IS NOT NULL
    GROUP BY artist_id
) AS used
LEFT JOIN artists ON used.artist_id = artists.artist_id
WHERE artists.artist_id IS NULL
) AS broken
UNION ALL
-- artists.artist_is_unique
SELECT 18 AS place, count(*) AS found
FROM (
SELECT artist_id, count(*) AS copies
FROM artists
GROUP BY artist_id
HAVING count(*) > 1
) AS broken
UNION ALL
-- artists.artist_is_not_null
SELECT 19 AS place, count(*) AS found
FROM (
SELECT artist_id
FROM artists
WHERE (artist_id IS NULL)
) AS broken
UNION ALL
-- artists.artists_are_those_staged
SELECT 20 AS place, count(*) AS found
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
) AS broken
UNION ALL
-- artists.coordinates_are_on_earth
SELECT 21 AS place, count(*) AS found
FROM (
SELECT artist_id, latitude, longitude
FROM artists
WHERE latitude NOT BETWEEN -90 AND 90 OR longitude NOT BETWEEN -180 AND 180
) AS broken;

-- load_history.load_is_unique
SELECT 0 AS place, count(*) AS found
FROM (
SELECT load_id, count(*) AS copies
FROM load_history
GROUP BY load_id
HAVING count(*) > 1
) AS broken
UNION ALL
-- load_history.counts_are_those_of_the_files
SELECT 1 AS place, count(*) AS found
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
) AS broken
UNION ALL
-- load_files.read_is_loaded_and_rejected
SELECT 2 AS place, count(*) AS found
FROM (
SELECT source_id, url, read, loaded, rejected
FROM load_files
WHERE status <> 'failed' AND read <> loaded + rejected
) AS broken
UNION ALL
-- load_files.source_is_unique
SELECT 3 AS place, count(*) AS found
FROM (
SELECT source_id, count(*) AS copies
FROM load_files
GROUP BY source_id
HAVING count(*) > 1
) AS broken
UNION ALL
-- load_files.one_content_of_a_file
SELECT 4 AS place, count(*) AS found
FROM (
SELECT dataset, url, count(*) AS contents
FROM load_files
WHERE status = 'loaded'
GROUP BY dataset, url
HAVING count(*) > 1
) AS broken
UNION ALL
-- load_files.load_is_found
SELECT 5 AS place, count(*) AS found
FROM (
SELECT used.load_id, used.number
FROM (
    SELECT load_id, count(*) AS number
    FROM load_files
    WHERE load_id IS NOT NULL
    GROUP BY load_id
) AS used
LEFT JOIN load_history ON used.load_id = load_history.load_id
WHERE load_history.load_id IS NULL
) AS broken
UNION ALL
-- load_files.loaded_is_staged
SELECT 6 AS place, count(*) AS found
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
) AS broken
UNION ALL
-- load_files.rejected_is_kept
SELECT 7 AS place, count(*) AS found
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
) AS broken
UNION ALL
-- load_files.no_file_failed
SELECT 8 AS place, count(*) AS found
FROM (
SELECT failed.source_id, failed.url
FROM load_files AS failed
INNER JOIN (
    SELECT max(source_id) AS source_id
    FROM load_files
    GROUP BY dataset, url
) AS latest ON failed.source_id = latest.source_id
WHERE failed.status = 'failed' AND failed.read = 0
) AS broken
UNION ALL
-- rejected_records.rejected_share_is_small
SELECT 9 AS place, count(*) AS found
FROM (
SELECT sum(read) AS records_read, sum(rejected) AS records_rejected
FROM load_files
WHERE status = 'loaded'
HAVING sum(rejected) * 20 > sum(read)
) AS broken;
