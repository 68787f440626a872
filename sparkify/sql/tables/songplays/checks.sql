-- fail: songplay_is_unique
-- A play with two rows is counted twice in every number.
SELECT songplay_id, count(*) AS copies
FROM songplays
-- Equal ids begin alike, and few others do. To group by the beginnings takes half the memory.
WHERE substring(songplay_id, 1, 12) IN (
        SELECT substring(play.songplay_id, 1, 12) AS beginning
        FROM songplays AS play
        WHERE play.start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
        GROUP BY substring(play.songplay_id, 1, 12)
        HAVING count(*) > 1
    )
    AND start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
GROUP BY songplay_id
HAVING count(*) > 1;

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
        AND ts IN (SELECT ts FROM sparkify_touched_plays) -- touched
) AS staged
FULL OUTER JOIN (
    SELECT songplay_id, user_id, session_id, item_in_session, start_time
    FROM songplays
    WHERE start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
) AS play
    ON staged.user_id = play.user_id
        AND staged.session_id = play.session_id
        AND staged.item_in_session = play.item_in_session
        AND staged.start_time = play.start_time
WHERE staged.user_id IS NULL OR play.user_id IS NULL;

-- fail: user_is_found = found(user_id, users)
-- An analyst's join to users must not lose plays.

-- fail: song_is_found = found(song_id, songs)
-- A song_id is NULL or is found in songs.

-- fail: artist_is_found = found(artist_id, artists)
-- An artist_id is NULL or is found in artists.

-- fail: match_says_what_was_found
-- Matched exactly or similarly a play has a song and an artist; by the artist alone, only an artist; else neither.
SELECT song_id, artist_id, match, count(*) AS plays
FROM songplays
WHERE CASE
        WHEN song_id IS NOT NULL THEN artist_id IS NULL OR match IS NULL OR match NOT IN ('exact', 'similar')
        WHEN artist_id IS NOT NULL THEN match IS NULL OR match <> 'artist'
        ELSE match IS NOT NULL
    END
    AND start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
GROUP BY song_id, artist_id, match;

-- warn: match_rate_is_useful
-- Less than 1% of the plays have an artist of the catalogue: it is missing or holds other songs.
SELECT count(*) AS plays, count(match) AS plays_with_an_artist
FROM songplays
HAVING count(*) > 0 AND count(match) * 100 < count(*);

-- warn: copies_agree
-- Records of one key (user, session, item and time of a play) differ: only one of them was kept.
SELECT userId AS user_id, sessionId AS session_id, itemInSession AS item_in_session, ts, count(*) AS records
FROM staging_events
WHERE page = 'NextSong'
    -- Where songplays has as many rows as plays were delivered, no play has a copy.
    AND (
        SELECT count(*) FROM staging_events AS play
        WHERE play.page = 'NextSong'
            AND play.ts IN (SELECT ts FROM sparkify_touched_plays) -- touched
    ) > (
        SELECT count(*) FROM songplays
        WHERE start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
    )
    AND ts IN (SELECT ts FROM sparkify_touched_plays) -- touched
GROUP BY userId, sessionId, itemInSession, ts
HAVING count(*) > 1
    AND (
        min(song) <> max(song)
        OR min(artist) <> max(artist)
        OR min(length) <> max(length) OR count(length) NOT IN (0, count(*))
        OR min(level) <> max(level) OR count(level) NOT IN (0, count(*))
        OR min(location) <> max(location) OR count(location) NOT IN (0, count(*))
        OR min(userAgent) <> max(userAgent) OR count(userAgent) NOT IN (0, count(*))
    );

-- warn: length_is_not_negative
-- A negative length of a track is no length: sums of hours are too small.
SELECT songplay_id, song_title, song_length
FROM songplays
WHERE start_time IS NOT NULL
    AND start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
    AND song_length < 0;

-- warn: lengths_are_in_seconds
-- Most tracks are more than an hour long: their length may be in milliseconds, where seconds are expected.
SELECT count(song_length) AS lengths, sum(CASE WHEN song_length > 3600 THEN 1 ELSE 0 END) AS over_an_hour
FROM songplays
WHERE start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
HAVING sum(CASE WHEN song_length > 3600 THEN 1 ELSE 0 END) * 2 > count(song_length);

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
