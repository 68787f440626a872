-- fail: songplay_is_unique = unique(songplay_id)
-- A play with two rows is counted twice in every number.

-- fail: natural_key_is_unique = unique(user_id, session_id, item_in_session, start_time)
-- The id is a digest of the natural key: one key must not have two ids.

-- fail: key_is_not_null = not_null(songplay_id, start_time, user_id, session_id, item_in_session)
-- Redshift declares keys but does not enforce them.

-- fail: plays_are_those_staged
-- Every staged play is here and every play here is staged. The copies of a play match its one row.
SELECT staged.user_id, staged.session_id, staged.item_in_session, staged.start_time, play.songplay_id
FROM (
    SELECT
        userId AS user_id, sessionId AS session_id, itemInSession AS item_in_session,
        TIMESTAMP '1970-01-01 00:00:00'
        + cast((ts - ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
        + cast(ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS start_time
    FROM staging_events
    WHERE page = 'NextSong'
        AND ts IN (SELECT ts FROM touched_plays) -- touched
) AS staged
FULL OUTER JOIN (
    SELECT songplay_id, user_id, session_id, item_in_session, start_time
    FROM songplays
    WHERE start_time IN (SELECT start_time FROM touched_plays) -- touched
) AS play
    ON staged.user_id = play.user_id
        AND staged.session_id = play.session_id
        AND staged.item_in_session = play.item_in_session
        AND staged.start_time = play.start_time
WHERE staged.user_id IS NULL OR play.songplay_id IS NULL;

-- fail: user_is_found = found(user_id, users)
-- An analyst's join to users must not lose plays.

-- fail: song_is_found = found(song_id, songs)
-- A song_id is NULL or is found in songs.

-- fail: artist_is_found
-- An artist_id is NULL or is found in artists, and comes with a song_id.
SELECT plays.artist_id, plays.number
FROM (
    SELECT artist_id, song_id IS NULL AS is_without_song, count(*) AS number
    FROM songplays
    WHERE (artist_id IS NOT NULL OR song_id IS NOT NULL)
        AND start_time IN (SELECT start_time FROM touched_plays) -- touched
    GROUP BY artist_id, song_id IS NULL
) AS plays
WHERE plays.artist_id IS NULL
    OR plays.is_without_song
    OR NOT EXISTS (SELECT 1 FROM artists WHERE artists.artist_id = plays.artist_id);

-- warn: match_rate_is_useful
-- Less than 1% of the plays have a song_id and artist_id: the catalogue is missing or holds other songs.
SELECT count(*) AS plays, count(song_id) AS matched_plays
FROM songplays
HAVING count(*) > 0 AND count(song_id) * 100 < count(*);

-- warn: last_delivery_is_newest
-- The last load of events brought no newer event: a late, old or repeated delivery.
SELECT last_load.load_id, last_load.newest_ts, every_load.newest_ts AS newest_ts_of_all
FROM (
    SELECT files.load_id, max(event.ts) AS newest_ts
    FROM staging_events AS event
    INNER JOIN load_files AS files ON event.source_id = files.source_id
    WHERE files.load_id = (SELECT max(load_id) FROM load_files WHERE dataset = 'events' AND loaded > 0)
    GROUP BY files.load_id
) AS last_load
CROSS JOIN (SELECT max(ts) AS newest_ts FROM staging_events) AS every_load
WHERE last_load.newest_ts < every_load.newest_ts;
