SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

SELECT count(*) FROM stv_slices;

SELECT count(*) FROM sys_load_error_detail WHERE query_id = pg_last_copy_id();

BEGIN;

SET statement_timeout TO 1000;

LOCK load_lock;

RESET statement_timeout;

SELECT status FROM load_history WHERE load_id = $1;

SELECT source_id, load_id, dataset, url, etag, size, loaded, rejected FROM load_files WHERE status = 'loaded' ORDER BY source_id;

SELECT url FROM load_files WHERE superseded_by = $1;

DROP TABLE IF EXISTS changed_files;

-- Grain: one file whose rows enter or leave staging in the load under way.
CREATE TEMP TABLE changed_files (
    source_id INTEGER NOT NULL -- file: load_files.source_id
);

DROP TABLE IF EXISTS touched_tracks;

-- Grain: one title and artist name of a changed catalogue record, in one or more rows.
CREATE TEMP TABLE touched_tracks (
    title VARCHAR(1024) NOT NULL, -- title as in the catalogue
    artist_name VARCHAR(1024) NOT NULL -- artist name as in the catalogue
);

DROP TABLE IF EXISTS touched_plays;

-- Grain: one play to be computed anew, in one or more rows.
CREATE TEMP TABLE touched_plays (
    start_time TIMESTAMP NOT NULL, -- ts as a timestamp
    user_id INTEGER NOT NULL, -- natural key of the play
    session_id INTEGER NOT NULL, -- natural key of the play
    item_in_session INTEGER NOT NULL, -- natural key of the play
    ts BIGINT NOT NULL -- natural key of the play
);

DROP TABLE IF EXISTS touched_users;

-- Grain: one user to be computed anew, in one or more rows.
CREATE TEMP TABLE touched_users (
    user_id INTEGER NOT NULL -- user
);

DROP TABLE IF EXISTS touched_songs;

-- Grain: one song to be computed anew, in one or more rows.
CREATE TEMP TABLE touched_songs (
    song_id VARCHAR(1024) NOT NULL -- song
);

DROP TABLE IF EXISTS touched_artists;

-- Grain: one artist to be computed anew, in one or more rows.
CREATE TEMP TABLE touched_artists (
    artist_id VARCHAR(1024) NOT NULL -- artist
);

DELETE FROM changed_files;

INSERT INTO changed_files (source_id)
VALUES ($1);

-- What the changed catalogue records match plays by.
INSERT INTO touched_tracks (title, artist_name)
SELECT DISTINCT title, artist_name
FROM staging_songs
WHERE source_id IN (SELECT source_id FROM changed_files);

-- The plays of the changed files, and those that a changed catalogue record may match or have matched.
INSERT INTO touched_plays (start_time, user_id, session_id, item_in_session, ts)
WITH play_keys AS (
    SELECT userId, sessionId, itemInSession, ts
    FROM staging_events
    WHERE page = 'NextSong' AND source_id IN (SELECT source_id FROM changed_files)
    UNION
    SELECT event.userId, event.sessionId, event.itemInSession, event.ts
    FROM staging_events AS event
    WHERE event.page = 'NextSong'
        AND EXISTS (
            SELECT 1 FROM touched_tracks
            WHERE touched_tracks.title = event.song AND touched_tracks.artist_name = event.artist
        )
)

SELECT
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((ts - ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS start_time,
    userId AS user_id,
    sessionId AS session_id,
    itemInSession AS item_in_session,
    ts
FROM play_keys;

-- The users of the changed files.
INSERT INTO touched_users (user_id)
SELECT DISTINCT userId AS user_id
FROM staging_events
WHERE source_id IN (SELECT source_id FROM changed_files) AND userId IS NOT NULL;

-- The songs of the changed files.
INSERT INTO touched_songs (song_id)
SELECT DISTINCT song_id
FROM staging_songs
WHERE source_id IN (SELECT source_id FROM changed_files);

-- The artists of the changed files.
INSERT INTO touched_artists (artist_id)
SELECT DISTINCT artist_id
FROM staging_songs
WHERE source_id IN (SELECT source_id FROM changed_files);

DELETE FROM changed_files;

INSERT INTO changed_files (source_id)
VALUES ($1);

DELETE FROM staging_events WHERE source_id IN (SELECT source_id FROM changed_files);

DELETE FROM staging_songs WHERE source_id IN (SELECT source_id FROM changed_files);

DELETE FROM rejected_records WHERE source_id IN (SELECT source_id FROM changed_files);

UPDATE load_files SET status = 'undone' WHERE source_id IN (SELECT source_id FROM changed_files);

UPDATE load_history SET status = 'undone' WHERE load_id = $1;

-- The plays to be computed anew.
DELETE FROM songplays
USING touched_plays -- touched
WHERE songplays.start_time = touched_plays.start_time -- touched
    AND songplays.user_id = touched_plays.user_id -- touched
    AND songplays.session_id = touched_plays.session_id -- touched
    AND songplays.item_in_session = touched_plays.item_in_session -- touched
;

-- One row per play: copies reduced to the least, song and artist matched exactly by title and name.
-- The milliseconds are split into days and the rest: both fit the integers that engines multiply intervals by.
INSERT INTO songplays (
    songplay_id, start_time, user_id, level, song_id, artist_id, session_id, location, user_agent, item_in_session,
    song_title, artist_name, song_length
)
-- Few plays have copies: only those are ranked, and no step but the last carries a whole row.
WITH copied_plays AS (
    SELECT event.userId, event.sessionId, event.itemInSession, event.ts
    FROM staging_events AS event
    WHERE event.page = 'NextSong'
        AND EXISTS ( -- touched
            SELECT 1 FROM touched_plays -- touched
            WHERE touched_plays.ts = event.ts -- touched
                AND touched_plays.user_id = event.userId -- touched
                AND touched_plays.session_id = event.sessionId -- touched
                AND touched_plays.item_in_session = event.itemInSession -- touched
        ) -- touched
    GROUP BY event.userId, event.sessionId, event.itemInSession, event.ts
    HAVING count(*) > 1
),

ranked_copies AS (
    SELECT
        event.source_id, event.line,
        row_number() OVER (
            PARTITION BY event.userId, event.sessionId, event.itemInSession, event.ts
            ORDER BY
                event.song, event.artist, event.length, event.level, event.location, event.userAgent,
                event.source_id, event.line
        ) AS copy_rank
    FROM staging_events AS event
    INNER JOIN copied_plays
        ON event.userId = copied_plays.userId
            AND event.sessionId = copied_plays.sessionId
            AND event.itemInSession = copied_plays.itemInSession
            AND event.ts = copied_plays.ts
    WHERE event.page = 'NextSong'
        -- Where no play has copies, the join by itself does not tell which blocks to leave out.
        AND event.ts >= (SELECT min(ts) FROM touched_plays) -- touched
        AND event.ts <= (SELECT max(ts) FROM touched_plays) -- touched
),

surplus_copies AS (
    SELECT source_id, line FROM ranked_copies WHERE copy_rank > 1
),

tracks AS (
    SELECT DISTINCT event.song, event.artist, event.length
    FROM staging_events AS event
    WHERE event.page = 'NextSong'
        AND EXISTS ( -- touched
            SELECT 1 FROM touched_plays -- touched
            WHERE touched_plays.ts = event.ts -- touched
                AND touched_plays.user_id = event.userId -- touched
                AND touched_plays.session_id = event.sessionId -- touched
                AND touched_plays.item_in_session = event.itemInSession -- touched
        ) -- touched
),

ranked_matches AS (
    SELECT
        tracks.song, tracks.artist, tracks.length, catalogue.song_id, catalogue.artist_id,
        row_number() OVER (
            PARTITION BY tracks.song, tracks.artist, tracks.length
            ORDER BY abs(catalogue.duration - tracks.length), catalogue.song_id, catalogue.artist_id
        ) AS match_rank
    FROM tracks
    INNER JOIN staging_songs AS catalogue ON tracks.song = catalogue.title AND tracks.artist = catalogue.artist_name
),

matches AS (
    SELECT song, artist, length, song_id, artist_id FROM ranked_matches WHERE match_rank = 1
)

SELECT
    md5(
        cast(event.userId AS VARCHAR) || '|' || cast(event.sessionId AS VARCHAR) || '|'
        || cast(event.itemInSession AS VARCHAR) || '|' || cast(event.ts AS VARCHAR)
    ) AS songplay_id,
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((event.ts - event.ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(event.ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS start_time,
    event.userId AS user_id,
    event.level,
    matches.song_id,
    matches.artist_id,
    event.sessionId AS session_id,
    event.location,
    event.userAgent AS user_agent,
    event.itemInSession AS item_in_session,
    event.song AS song_title,
    event.artist AS artist_name,
    event.length AS song_length
FROM staging_events AS event
LEFT JOIN matches
    ON event.song = matches.song
        AND event.artist = matches.artist
        AND (event.length = matches.length OR (event.length IS NULL AND matches.length IS NULL))
LEFT JOIN surplus_copies ON event.source_id = surplus_copies.source_id AND event.line = surplus_copies.line
WHERE event.page = 'NextSong'
    AND surplus_copies.line IS NULL
    AND EXISTS ( -- touched
        SELECT 1 FROM touched_plays -- touched
        WHERE touched_plays.ts = event.ts -- touched
            AND touched_plays.user_id = event.userId -- touched
            AND touched_plays.session_id = event.sessionId -- touched
            AND touched_plays.item_in_session = event.itemInSession -- touched
    ) -- touched
;

-- The users to be computed anew.
DELETE FROM users
WHERE user_id IN (SELECT user_id FROM touched_users) -- touched
;

-- One row per user: the whole row comes from the user's latest event.
-- Descending order puts NULLs first, so that of equal events the greatest wins, NULLs greatest.
INSERT INTO users (user_id, first_name, last_name, gender, level)
WITH user_events AS (
    SELECT userId, ts, sessionId, itemInSession, firstName, lastName, gender, level
    FROM staging_events
    WHERE userId IS NOT NULL
        AND userId IN (SELECT user_id FROM touched_users) -- touched
),

-- The last moment of each user first: ranking its few events costs less than ranking them all.
last_moments AS (
    SELECT userId, max(ts) AS ts FROM user_events GROUP BY userId
),

ranked_events AS (
    SELECT
        event.userId, event.firstName, event.lastName, event.gender, event.level,
        row_number() OVER (
            PARTITION BY event.userId
            ORDER BY
                event.sessionId DESC, event.itemInSession DESC,
                event.firstName DESC, event.lastName DESC, event.gender DESC, event.level DESC
        ) AS event_rank
    FROM user_events AS event
    INNER JOIN last_moments ON event.userId = last_moments.userId AND event.ts = last_moments.ts
)

SELECT userId AS user_id, firstName AS first_name, lastName AS last_name, gender, level
FROM ranked_events
WHERE event_rank = 1;

-- The songs to be computed anew.
DELETE FROM songs
WHERE song_id IN (SELECT song_id FROM touched_songs) -- touched
;

-- One row per song: the first of its records by (year, title, artist_id, duration), NULLs last.
INSERT INTO songs (song_id, title, artist_id, year, duration)
WITH ranked_records AS (
    SELECT
        song_id, title, artist_id, year, duration,
        row_number() OVER (PARTITION BY song_id ORDER BY year, title, artist_id, duration) AS record_rank
    FROM staging_songs
    WHERE song_id IN (SELECT song_id FROM touched_songs) -- touched
)

SELECT song_id, title, artist_id, year, duration
FROM ranked_records
WHERE record_rank = 1;

-- The artists to be computed anew.
DELETE FROM artists
WHERE artist_id IN (SELECT artist_id FROM touched_artists) -- touched
;

-- One row per artist: the shortest name, and the whole place of the record that knows most about it.
-- Coordinates come in pairs: a lone one is dropped.
INSERT INTO artists (artist_id, name, location, latitude, longitude)
WITH artist_records AS (
    SELECT
        artist_id, artist_name,
        artist_location AS location,
        CASE WHEN artist_longitude IS NOT NULL THEN artist_latitude END AS latitude,
        CASE WHEN artist_latitude IS NOT NULL THEN artist_longitude END AS longitude
    FROM staging_songs
    WHERE artist_id IN (SELECT artist_id FROM touched_artists) -- touched
),

ranked_names AS (
    SELECT
        artist_id, artist_name,
        row_number() OVER (PARTITION BY artist_id ORDER BY length(artist_name), artist_name) AS name_rank
    FROM artist_records
),

ranked_places AS (
    SELECT
        artist_id, location, latitude, longitude,
        row_number() OVER (
            PARTITION BY artist_id
            ORDER BY
                CASE WHEN location IS NULL THEN 1 ELSE 0 END + CASE WHEN latitude IS NULL THEN 1 ELSE 0 END,
                location, latitude, longitude
        ) AS place_rank
    FROM artist_records
)

SELECT
    ranked_names.artist_id,
    ranked_names.artist_name AS name,
    ranked_places.location,
    ranked_places.latitude,
    ranked_places.longitude
FROM ranked_names
INNER JOIN ranked_places ON ranked_names.artist_id = ranked_places.artist_id
WHERE ranked_names.name_rank = 1 AND ranked_places.place_rank = 1;

-- The moments to be computed anew.
DELETE FROM time
WHERE start_time IN (SELECT start_time FROM touched_plays) -- touched
;

-- One row per moment at which a play began.
INSERT INTO time (start_time, hour, day, week, month, year, weekday)
WITH moments AS (
    SELECT DISTINCT start_time
    FROM songplays
    WHERE start_time IN (SELECT start_time FROM touched_plays) -- touched
)

SELECT
    start_time,
    cast(extract(HOUR FROM start_time) AS INTEGER) AS hour,
    cast(extract(DAY FROM start_time) AS INTEGER) AS day,
    cast(extract(WEEK FROM start_time) AS INTEGER) AS week,
    cast(extract(MONTH FROM start_time) AS INTEGER) AS month,
    cast(extract(YEAR FROM start_time) AS INTEGER) AS year,
    cast(extract(DOW FROM start_time) AS INTEGER) AS weekday
FROM moments;

SELECT count(*)
FROM (
SELECT songplay_id, count(*) AS copies
FROM songplays
WHERE start_time IN (SELECT start_time FROM touched_plays) -- touched
GROUP BY songplay_id
HAVING count(*) > 1
) AS broken;

SELECT count(*)
FROM (
SELECT user_id, session_id, item_in_session, start_time, count(*) AS copies
FROM songplays
WHERE start_time IN (SELECT start_time FROM touched_plays) -- touched
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
WHERE staged.user_id IS NULL OR play.songplay_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT plays.user_id, plays.number
FROM (
    SELECT user_id, count(*) AS number
    FROM songplays
    WHERE user_id IS NOT NULL
        AND start_time IN (SELECT start_time FROM touched_plays) -- touched
    GROUP BY user_id
) AS plays
WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.user_id = plays.user_id)
) AS broken;

SELECT count(*)
FROM (
SELECT plays.song_id, plays.number
FROM (
    SELECT song_id, count(*) AS number
    FROM songplays
    WHERE song_id IS NOT NULL
        AND start_time IN (SELECT start_time FROM touched_plays) -- touched
    GROUP BY song_id
) AS plays
WHERE NOT EXISTS (SELECT 1 FROM songs WHERE songs.song_id = plays.song_id)
) AS broken;

SELECT count(*)
FROM (
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
    OR NOT EXISTS (SELECT 1 FROM artists WHERE artists.artist_id = plays.artist_id)
) AS broken;

SELECT count(*)
FROM (
SELECT user_id, count(*) AS copies
FROM users
WHERE user_id IN (SELECT user_id FROM touched_users) -- touched
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
        AND userId IN (SELECT user_id FROM touched_users) -- touched
) AS staged
FULL OUTER JOIN (
    SELECT user_id
    FROM users
    WHERE user_id IN (SELECT user_id FROM touched_users) -- touched
) AS kept ON staged.user_id = kept.user_id
WHERE staged.user_id IS NULL OR kept.user_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT song_id, count(*) AS copies
FROM songs
WHERE song_id IN (SELECT song_id FROM touched_songs) -- touched
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
    SELECT DISTINCT song_id
    FROM staging_songs
    WHERE song_id IS NOT NULL
        AND song_id IN (SELECT song_id FROM touched_songs) -- touched
) AS staged
FULL OUTER JOIN (
    SELECT song_id
    FROM songs
    WHERE song_id IN (SELECT song_id FROM touched_songs) -- touched
) AS kept ON staged.song_id = kept.song_id
WHERE staged.song_id IS NULL OR kept.song_id IS NULL
) AS broken;

SELECT count(*)
FROM (
SELECT songs.song_id, songs.artist_id
FROM songs
WHERE songs.artist_id IS NOT NULL
    AND songs.song_id IN (SELECT song_id FROM touched_songs) -- touched
    AND NOT EXISTS (SELECT 1 FROM artists WHERE artists.artist_id = songs.artist_id)
) AS broken;

SELECT count(*)
FROM (
SELECT artist_id, count(*) AS copies
FROM artists
WHERE artist_id IN (SELECT artist_id FROM touched_artists) -- touched
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
    SELECT DISTINCT artist_id
    FROM staging_songs
    WHERE artist_id IS NOT NULL
        AND artist_id IN (SELECT artist_id FROM touched_artists) -- touched
) AS staged
FULL OUTER JOIN (
    SELECT artist_id
    FROM artists
    WHERE artist_id IN (SELECT artist_id FROM touched_artists) -- touched
) AS kept ON staged.artist_id = kept.artist_id
WHERE staged.artist_id IS NULL OR kept.artist_id IS NULL
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
    AND start_time IN (SELECT start_time FROM touched_plays) -- touched
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
SELECT load_files.source_id, load_files.load_id
FROM load_files
WHERE NOT EXISTS (SELECT 1 FROM load_history WHERE load_history.load_id = load_files.load_id)
) AS broken;

SELECT count(*)
FROM (
SELECT files.source_id, files.url, files.loaded, coalesce(staged.records, 0) AS staged
FROM (
    SELECT source_id, url, loaded
    FROM load_files
    WHERE status = 'loaded'
        AND source_id IN (SELECT source_id FROM changed_files) -- touched
) AS files
FULL OUTER JOIN (
    SELECT source_id, count(*) AS records
    FROM (
        SELECT source_id FROM staging_events
        UNION ALL
        SELECT source_id FROM staging_songs
    ) AS staging
    WHERE source_id IN (SELECT source_id FROM changed_files) -- touched
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

COMMIT;
