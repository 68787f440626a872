BEGIN;

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

COMMIT;

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

CREATE TABLE IF NOT EXISTS load_lock (holder INTEGER ENCODE AZ64) DISTSTYLE AUTO;

SELECT count(*) FROM stv_slices;

SELECT count(*) FROM sys_load_error_detail WHERE query_id = pg_last_copy_id();

BEGIN;

SET statement_timeout TO 1000;

LOCK load_lock;

RESET statement_timeout;

SELECT source_id, load_id, dataset, url, etag, size, loaded, rejected FROM load_files WHERE status = 'loaded' ORDER BY source_id;

UPDATE load_history SET status = 'interrupted' WHERE status = 'running';

SELECT coalesce(max(load_id), 0) + 1 FROM load_history;

DELETE FROM load_history WHERE load_id = $1 AND status IN ('running', 'interrupted');

INSERT INTO load_history (load_id, started_at, finished_at, status, mode, files, read, loaded, rejected, version, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

COMMIT;

BEGIN;

SET statement_timeout TO 1000;

LOCK load_lock;

RESET statement_timeout;

SELECT source_id, load_id, dataset, url, etag, size, loaded, rejected FROM load_files WHERE status = 'loaded' ORDER BY source_id;

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

SELECT coalesce(max(source_id), 0) + 1 FROM load_files;

SELECT current_schema();

CREATE TEMP TABLE landing_events (
    artist VARCHAR(65535),
    auth VARCHAR(65535),
    firstName VARCHAR(65535),
    gender VARCHAR(65535),
    itemInSession VARCHAR(65535),
    lastName VARCHAR(65535),
    length VARCHAR(65535),
    level VARCHAR(65535),
    location VARCHAR(65535),
    method VARCHAR(65535),
    page VARCHAR(65535),
    registration VARCHAR(65535),
    sessionId VARCHAR(65535),
    song VARCHAR(65535),
    status VARCHAR(65535),
    ts VARCHAR(65535),
    userAgent VARCHAR(65535),
    userId VARCHAR(65535)
);

COPY landing_events FROM '<stage>/.sparkify/<warehouse>/<load>/<source_id>.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' MANIFEST FORMAT AS JSON '<stage>/.sparkify/<warehouse>/<load>/events.jsonpaths' MAXERROR 100000 COMPUPDATE OFF STATUPDATE OFF;

SELECT count(*) FROM sys_load_error_detail WHERE query_id = pg_last_copy_id();

WITH landed_records AS (
    SELECT *,
        CASE WHEN itemInSession ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(itemInSession) <= 40 THEN cast(itemInSession AS DOUBLE PRECISION) END AS number_itemInSession,
        CASE WHEN length ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(length) <= 40 THEN cast(length AS DOUBLE PRECISION) END AS number_length,
        CASE WHEN registration ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(registration) <= 40 THEN cast(registration AS DOUBLE PRECISION) END AS number_registration,
        CASE WHEN sessionId ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(sessionId) <= 40 THEN cast(sessionId AS DOUBLE PRECISION) END AS number_sessionId,
        CASE WHEN status ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(status) <= 40 THEN cast(status AS DOUBLE PRECISION) END AS number_status,
        CASE WHEN ts ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(ts) <= 40 THEN cast(ts AS DOUBLE PRECISION) END AS number_ts,
        CASE WHEN userId ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(userId) <= 40 THEN cast(userId AS DOUBLE PRECISION) END AS number_userId
    FROM landing_events
)

SELECT count(*) AS landed, count(CASE WHEN octet_length(artist) > 1024
    OR octet_length(auth) > 1024
    OR octet_length(firstName) > 1024
    OR octet_length(gender) > 1024
    OR (itemInSession <> '' AND (number_itemInSession IS NULL OR number_itemInSession <> trunc(number_itemInSession) OR NOT (number_itemInSession > -2147483648 AND number_itemInSession < 2147483647)))
    OR octet_length(lastName) > 1024
    OR (length <> '' AND (number_length IS NULL))
    OR octet_length(level) > 1024
    OR octet_length(location) > 1024
    OR octet_length(method) > 1024
    OR octet_length(page) > 1024
    OR (registration <> '' AND (number_registration IS NULL OR number_registration <> trunc(number_registration) OR NOT (number_registration > -9007199254740992 AND number_registration < 9007199254740992)))
    OR (sessionId <> '' AND (number_sessionId IS NULL OR number_sessionId <> trunc(number_sessionId) OR NOT (number_sessionId > -2147483648 AND number_sessionId < 2147483647)))
    OR octet_length(song) > 1024
    OR (status <> '' AND (number_status IS NULL OR number_status <> trunc(number_status) OR NOT (number_status > -2147483648 AND number_status < 2147483647)))
    OR (ts <> '' AND (number_ts IS NULL OR number_ts <> trunc(number_ts) OR NOT (number_ts > 946684800000 AND number_ts < 4102444800000)))
    OR octet_length(userAgent) > 1024
    OR (userId <> '' AND (number_userId IS NULL OR number_userId <> trunc(number_userId) OR NOT (number_userId > -2147483648 AND number_userId < 2147483647)))
    OR coalesce(itemInSession, '') = ''
    OR coalesce(page, '') = ''
    OR coalesce(sessionId, '') = ''
    OR coalesce(ts, '') = ''
    OR (page = 'NextSong' AND coalesce(artist, '') = '')
    OR (page = 'NextSong' AND coalesce(song, '') = '')
    OR (page = 'NextSong' AND coalesce(userId, '') = '')
    THEN 1 END) AS doubtful
FROM landed_records;

INSERT INTO staging_events (artist, auth, firstName, gender, itemInSession, lastName, length, level, location, method, page, registration, sessionId, song, status, ts, userAgent, userId, source_id, line)
WITH landed_records AS (
    SELECT *,
        CASE WHEN itemInSession ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(itemInSession) <= 40 THEN cast(itemInSession AS DOUBLE PRECISION) END AS number_itemInSession,
        CASE WHEN length ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(length) <= 40 THEN cast(length AS DOUBLE PRECISION) END AS number_length,
        CASE WHEN registration ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(registration) <= 40 THEN cast(registration AS DOUBLE PRECISION) END AS number_registration,
        CASE WHEN sessionId ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(sessionId) <= 40 THEN cast(sessionId AS DOUBLE PRECISION) END AS number_sessionId,
        CASE WHEN status ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(status) <= 40 THEN cast(status AS DOUBLE PRECISION) END AS number_status,
        CASE WHEN ts ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(ts) <= 40 THEN cast(ts AS DOUBLE PRECISION) END AS number_ts,
        CASE WHEN userId ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(userId) <= 40 THEN cast(userId AS DOUBLE PRECISION) END AS number_userId
    FROM landing_events
)

SELECT
    nullif(artist, '') AS artist,
    nullif(auth, '') AS auth,
    nullif(firstName, '') AS firstName,
    nullif(gender, '') AS gender,
    cast(number_itemInSession AS INTEGER) AS itemInSession,
    nullif(lastName, '') AS lastName,
    CASE WHEN number_length = 0 THEN 0 ELSE number_length END AS length,
    nullif(level, '') AS level,
    nullif(location, '') AS location,
    nullif(method, '') AS method,
    nullif(page, '') AS page,
    cast(number_registration AS BIGINT) AS registration,
    cast(number_sessionId AS INTEGER) AS sessionId,
    nullif(song, '') AS song,
    cast(number_status AS INTEGER) AS status,
    cast(number_ts AS BIGINT) AS ts,
    nullif(userAgent, '') AS userAgent,
    cast(number_userId AS INTEGER) AS userId,
    cast($1 AS INTEGER) AS source_id,
    cast(row_number() OVER (ORDER BY artist, auth, firstName, gender, itemInSession, lastName, length, level, location, method, page, registration, sessionId, song, status, ts, userAgent, userId) AS INTEGER) AS line
FROM landed_records;

DELETE FROM landing_events;

DROP TABLE landing_events;

SELECT source_id, sum(loaded), sum(rejected)
FROM (
    SELECT source_id, count(*) AS loaded, 0 AS rejected FROM staging_events
    WHERE source_id >= $1 GROUP BY source_id
    UNION ALL
    SELECT source_id, 0 AS loaded, count(*) AS rejected FROM rejected_records
    WHERE source_id >= $1 AND dataset = $2 GROUP BY source_id
) AS counts
GROUP BY source_id;

CREATE TEMP TABLE landing_songs (
    num_songs VARCHAR(65535),
    artist_id VARCHAR(65535),
    artist_latitude VARCHAR(65535),
    artist_longitude VARCHAR(65535),
    artist_location VARCHAR(65535),
    artist_name VARCHAR(65535),
    song_id VARCHAR(65535),
    title VARCHAR(65535),
    duration VARCHAR(65535),
    year VARCHAR(65535)
);

COPY landing_songs FROM '<stage>/.sparkify/<warehouse>/<load>/<source_id>.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' MANIFEST FORMAT AS JSON '<stage>/.sparkify/<warehouse>/<load>/songs.jsonpaths' MAXERROR 100000 COMPUPDATE OFF STATUPDATE OFF;

SELECT count(*) FROM sys_load_error_detail WHERE query_id = pg_last_copy_id();

WITH landed_records AS (
    SELECT *,
        CASE WHEN num_songs ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(num_songs) <= 40 THEN cast(num_songs AS DOUBLE PRECISION) END AS number_num_songs,
        CASE WHEN artist_latitude ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(artist_latitude) <= 40 THEN cast(artist_latitude AS DOUBLE PRECISION) END AS number_artist_latitude,
        CASE WHEN artist_longitude ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(artist_longitude) <= 40 THEN cast(artist_longitude AS DOUBLE PRECISION) END AS number_artist_longitude,
        CASE WHEN duration ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(duration) <= 40 THEN cast(duration AS DOUBLE PRECISION) END AS number_duration,
        CASE WHEN year ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(year) <= 40 THEN cast(year AS DOUBLE PRECISION) END AS number_year
    FROM landing_songs
)

SELECT count(*) AS landed, count(CASE WHEN (num_songs <> '' AND (number_num_songs IS NULL OR number_num_songs <> trunc(number_num_songs) OR NOT (number_num_songs > -2147483648 AND number_num_songs < 2147483647)))
    OR octet_length(artist_id) > 1024
    OR (artist_latitude <> '' AND (number_artist_latitude IS NULL))
    OR (artist_longitude <> '' AND (number_artist_longitude IS NULL))
    OR octet_length(artist_location) > 1024
    OR octet_length(artist_name) > 1024
    OR octet_length(song_id) > 1024
    OR octet_length(title) > 1024
    OR (duration <> '' AND (number_duration IS NULL))
    OR (year <> '' AND (number_year IS NULL OR number_year <> trunc(number_year) OR NOT (number_year > -2147483648 AND number_year < 2147483647)))
    OR coalesce(artist_id, '') = ''
    OR coalesce(artist_name, '') = ''
    OR coalesce(song_id, '') = ''
    OR coalesce(title, '') = ''
    THEN 1 END) AS doubtful
FROM landed_records;

INSERT INTO staging_songs (num_songs, artist_id, artist_latitude, artist_longitude, artist_location, artist_name, song_id, title, duration, year, source_id, line)
WITH landed_records AS (
    SELECT *,
        CASE WHEN num_songs ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(num_songs) <= 40 THEN cast(num_songs AS DOUBLE PRECISION) END AS number_num_songs,
        CASE WHEN artist_latitude ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(artist_latitude) <= 40 THEN cast(artist_latitude AS DOUBLE PRECISION) END AS number_artist_latitude,
        CASE WHEN artist_longitude ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(artist_longitude) <= 40 THEN cast(artist_longitude AS DOUBLE PRECISION) END AS number_artist_longitude,
        CASE WHEN duration ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(duration) <= 40 THEN cast(duration AS DOUBLE PRECISION) END AS number_duration,
        CASE WHEN year ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?$' AND length(year) <= 40 THEN cast(year AS DOUBLE PRECISION) END AS number_year
    FROM landing_songs
)

SELECT
    cast(number_num_songs AS INTEGER) AS num_songs,
    nullif(artist_id, '') AS artist_id,
    CASE WHEN number_artist_latitude = 0 THEN 0 ELSE number_artist_latitude END AS artist_latitude,
    CASE WHEN number_artist_longitude = 0 THEN 0 ELSE number_artist_longitude END AS artist_longitude,
    nullif(artist_location, '') AS artist_location,
    nullif(artist_name, '') AS artist_name,
    nullif(song_id, '') AS song_id,
    nullif(title, '') AS title,
    CASE WHEN number_duration = 0 THEN 0 ELSE number_duration END AS duration,
    nullif(cast(number_year AS INTEGER), 0) AS year,
    cast($1 AS INTEGER) AS source_id,
    cast(row_number() OVER (ORDER BY num_songs, artist_id, artist_latitude, artist_longitude, artist_location, artist_name, song_id, title, duration, year) AS INTEGER) AS line
FROM landed_records;

DELETE FROM landing_songs;

DROP TABLE landing_songs;

SELECT source_id, sum(loaded), sum(rejected)
FROM (
    SELECT source_id, count(*) AS loaded, 0 AS rejected FROM staging_songs
    WHERE source_id >= $1 GROUP BY source_id
    UNION ALL
    SELECT source_id, 0 AS loaded, count(*) AS rejected FROM rejected_records
    WHERE source_id >= $1 AND dataset = $2 GROUP BY source_id
) AS counts
GROUP BY source_id;

-- The plays to be computed anew.
DELETE FROM songplays;

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
),

surplus_copies AS (
    SELECT source_id, line FROM ranked_copies WHERE copy_rank > 1
),

tracks AS (
    SELECT DISTINCT event.song, event.artist, event.length
    FROM staging_events AS event
    WHERE event.page = 'NextSong'
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
    AND surplus_copies.line IS NULL;

-- The users to be computed anew.
DELETE FROM users;

-- One row per user: the whole row comes from the user's latest event.
-- Descending order puts NULLs first, so that of equal events the greatest wins, NULLs greatest.
INSERT INTO users (user_id, first_name, last_name, gender, level)
WITH user_events AS (
    SELECT userId, ts, sessionId, itemInSession, firstName, lastName, gender, level
    FROM staging_events
    WHERE userId IS NOT NULL
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
DELETE FROM songs;

-- One row per song: the first of its records by (year, title, artist_id, duration), NULLs last.
INSERT INTO songs (song_id, title, artist_id, year, duration)
WITH ranked_records AS (
    SELECT
        song_id, title, artist_id, year, duration,
        row_number() OVER (PARTITION BY song_id ORDER BY year, title, artist_id, duration) AS record_rank
    FROM staging_songs
)

SELECT song_id, title, artist_id, year, duration
FROM ranked_records
WHERE record_rank = 1;

-- The artists to be computed anew.
DELETE FROM artists;

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
DELETE FROM time;

-- One row per moment at which a play began.
INSERT INTO time (start_time, hour, day, week, month, year, weekday)
WITH moments AS (
    SELECT DISTINCT start_time
    FROM songplays
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

DELETE FROM load_history WHERE load_id = $1 AND status IN ('running', 'interrupted');

INSERT INTO load_files (source_id, load_id, dataset, url, etag, size, modified, read, loaded, rejected, status)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

INSERT INTO load_history (load_id, started_at, finished_at, status, mode, files, read, loaded, rejected, version, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

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
SELECT plays.user_id, plays.number
FROM (
    SELECT user_id, count(*) AS number
    FROM songplays
    WHERE user_id IS NOT NULL
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
    SELECT DISTINCT song_id
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
SELECT songs.song_id, songs.artist_id
FROM songs
WHERE songs.artist_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM artists WHERE artists.artist_id = songs.artist_id)
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
    SELECT DISTINCT artist_id
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

UPDATE load_history SET detail = $1 WHERE load_id = $2;

COMMIT;

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
SELECT artist_id, latitude, longitude
FROM artists
WHERE latitude NOT BETWEEN -90 AND 90 OR longitude NOT BETWEEN -180 AND 180
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
