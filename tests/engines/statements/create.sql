SELECT 'table' AS kind, tablename AS name FROM pg_tables WHERE schemaname = current_schema()
UNION ALL
SELECT 'view' AS kind, viewname AS name FROM pg_views WHERE schemaname = current_schema();

BEGIN;

SELECT 'table' AS kind, tablename AS name FROM pg_tables WHERE schemaname = current_schema()
UNION ALL
SELECT 'view' AS kind, viewname AS name FROM pg_views WHERE schemaname = current_schema();

CREATE TABLE IF NOT EXISTS staging_events (
    artist VARCHAR(1024) ENCODE ZSTD,
    auth VARCHAR(1024) ENCODE ZSTD,
    firstName VARCHAR(1024) ENCODE ZSTD,
    gender VARCHAR(1024) ENCODE ZSTD,
    itemInSession INTEGER NOT NULL ENCODE AZ64,
    lastName VARCHAR(1024) ENCODE ZSTD,
    length DOUBLE PRECISION ENCODE ZSTD,
    level VARCHAR(1024) ENCODE ZSTD,
    location VARCHAR(1024) ENCODE ZSTD,
    method VARCHAR(1024) ENCODE ZSTD,
    page VARCHAR(1024) NOT NULL ENCODE ZSTD,
    registration BIGINT ENCODE AZ64,
    sessionId INTEGER NOT NULL ENCODE AZ64,
    song VARCHAR(1024) ENCODE ZSTD,
    status INTEGER ENCODE AZ64,
    ts BIGINT NOT NULL ENCODE AZ64,
    userAgent VARCHAR(1024) ENCODE ZSTD,
    userId INTEGER ENCODE AZ64,
    source_id INTEGER NOT NULL ENCODE RAW,
    line INTEGER NOT NULL ENCODE AZ64,
    other VARCHAR(65535) ENCODE ZSTD
)
DISTSTYLE EVEN
SORTKEY (source_id);

COMMENT ON TABLE staging_events IS 'One row per: one loaded event record. A record delivered in two files has two rows. Source: log data (eventsim), under the keys of the source; rejected records are left out.';

COMMENT ON COLUMN staging_events.artist IS 'artist of the track, as logged';

COMMENT ON COLUMN staging_events.auth IS 'authentication state: Logged In, Logged Out, Cancelled, Guest';

COMMENT ON COLUMN staging_events.firstName IS 'user''s first name';

COMMENT ON COLUMN staging_events.gender IS 'user''s gender: F or M';

COMMENT ON COLUMN staging_events.itemInSession IS 'position of the event in its session, from 0';

COMMENT ON COLUMN staging_events.lastName IS 'user''s last name';

COMMENT ON COLUMN staging_events.length IS 'length of the track, in seconds';

COMMENT ON COLUMN staging_events.level IS 'subscription at the time of the event: free or paid';

COMMENT ON COLUMN staging_events.location IS 'metropolitan area of the user';

COMMENT ON COLUMN staging_events.method IS 'HTTP method of the request';

COMMENT ON COLUMN staging_events.page IS 'page of the app; NextSong is a play';

COMMENT ON COLUMN staging_events.registration IS 'user''s registration, in milliseconds since 1970-01-01 UTC';

COMMENT ON COLUMN staging_events.sessionId IS 'session of the user';

COMMENT ON COLUMN staging_events.song IS 'title of the track, as logged';

COMMENT ON COLUMN staging_events.status IS 'HTTP status of the response';

COMMENT ON COLUMN staging_events.ts IS 'time of the event, in milliseconds since 1970-01-01 UTC';

COMMENT ON COLUMN staging_events.userAgent IS 'user agent of the client, as logged';

COMMENT ON COLUMN staging_events.userId IS 'user; NULL while logged out';

COMMENT ON COLUMN staging_events.source_id IS 'file the record came from: load_files.source_id';

COMMENT ON COLUMN staging_events.line IS 'physical line of that file, from 1; in files of other shapes, the number of the record';

COMMENT ON COLUMN staging_events.other IS 'keys that are not columns, as one JSON object; NULL if there are none';

CREATE TABLE IF NOT EXISTS staging_songs (
    num_songs INTEGER ENCODE AZ64,
    artist_id VARCHAR(1024) NOT NULL ENCODE ZSTD,
    artist_latitude DOUBLE PRECISION ENCODE ZSTD,
    artist_longitude DOUBLE PRECISION ENCODE ZSTD,
    artist_location VARCHAR(1024) ENCODE ZSTD,
    artist_name VARCHAR(1024) NOT NULL ENCODE ZSTD,
    song_id VARCHAR(1024) NOT NULL ENCODE ZSTD,
    title VARCHAR(1024) NOT NULL ENCODE ZSTD,
    duration DOUBLE PRECISION ENCODE ZSTD,
    year INTEGER ENCODE AZ64,
    source_id INTEGER NOT NULL ENCODE RAW,
    line INTEGER NOT NULL ENCODE AZ64,
    other VARCHAR(65535) ENCODE ZSTD
)
DISTSTYLE EVEN
SORTKEY (source_id);

COMMENT ON TABLE staging_songs IS 'One row per: one loaded song record. A record delivered in two files has two rows. Source: song data (Million Song Dataset), under the keys of the source; rejected records are left out.';

COMMENT ON COLUMN staging_songs.num_songs IS 'songs in the record, as delivered';

COMMENT ON COLUMN staging_songs.artist_id IS 'artist of the song';

COMMENT ON COLUMN staging_songs.artist_latitude IS 'latitude of the artist''s location, in degrees';

COMMENT ON COLUMN staging_songs.artist_longitude IS 'longitude of the artist''s location, in degrees';

COMMENT ON COLUMN staging_songs.artist_location IS 'location of the artist, as delivered';

COMMENT ON COLUMN staging_songs.artist_name IS 'name that the artist recorded this song under';

COMMENT ON COLUMN staging_songs.song_id IS 'song';

COMMENT ON COLUMN staging_songs.title IS 'title of the song';

COMMENT ON COLUMN staging_songs.duration IS 'length of the recording, in seconds';

COMMENT ON COLUMN staging_songs.year IS 'year of release; NULL where the source says 0';

COMMENT ON COLUMN staging_songs.source_id IS 'file the record came from: load_files.source_id';

COMMENT ON COLUMN staging_songs.line IS 'physical line of that file, from 1; in files of other shapes, the number of the record';

COMMENT ON COLUMN staging_songs.other IS 'keys that are not columns, as one JSON object; NULL if there are none';

CREATE TABLE IF NOT EXISTS normalized_texts (
    text VARCHAR(1024) NOT NULL ENCODE RAW,
    normalized VARCHAR(4096) ENCODE ZSTD,
    PRIMARY KEY (text)
)
DISTSTYLE AUTO
SORTKEY (text);

COMMENT ON TABLE normalized_texts IS 'One row per: one distinct text by which a play was ever matched: a title or the name of an artist. Source: staging_events with page NextSong, staging_songs; texts stay when their records leave.';

COMMENT ON COLUMN normalized_texts.text IS 'the text as staged';

COMMENT ON COLUMN normalized_texts.normalized IS 'the form by which similar texts are equal; NULL where no letter or digit is left';

CREATE TABLE IF NOT EXISTS time (
    start_time TIMESTAMP NOT NULL ENCODE RAW,
    hour INTEGER NOT NULL ENCODE AZ64,
    day INTEGER NOT NULL ENCODE AZ64,
    week INTEGER NOT NULL ENCODE AZ64,
    month INTEGER NOT NULL ENCODE AZ64,
    year INTEGER NOT NULL ENCODE AZ64,
    weekday INTEGER NOT NULL ENCODE AZ64,
    PRIMARY KEY (start_time)
)
DISTSTYLE KEY DISTKEY (start_time)
SORTKEY (start_time);

COMMENT ON TABLE time IS 'One row per: one distinct start_time of songplays. Source: songplays; all parts are in UTC.';

COMMENT ON COLUMN time.start_time IS 'moment at which a play began, UTC';

COMMENT ON COLUMN time.hour IS 'hour of the day, 0 to 23';

COMMENT ON COLUMN time.day IS 'day of the month, 1 to 31';

COMMENT ON COLUMN time.week IS 'ISO week, 1 to 53; 2018-12-31 is in week 1';

COMMENT ON COLUMN time.month IS 'month, 1 to 12';

COMMENT ON COLUMN time.year IS 'calendar year, not that of the ISO week';

COMMENT ON COLUMN time.weekday IS 'day of the week, 0 = Sunday to 6 = Saturday';

CREATE TABLE IF NOT EXISTS artists (
    artist_id VARCHAR(1024) NOT NULL ENCODE RAW,
    name VARCHAR(1024) NOT NULL ENCODE ZSTD,
    location VARCHAR(1024) ENCODE ZSTD,
    latitude DOUBLE PRECISION ENCODE ZSTD,
    longitude DOUBLE PRECISION ENCODE ZSTD,
    PRIMARY KEY (artist_id)
)
DISTSTYLE AUTO
SORTKEY (artist_id);

COMMENT ON TABLE artists IS 'One row per: one artist of the catalogue. Source: staging_songs; an artist recorded under several names has the shortest of them here.';

COMMENT ON COLUMN artists.artist_id IS 'artist';

COMMENT ON COLUMN artists.name IS 'name with the fewest characters; of several, the first in byte order';

COMMENT ON COLUMN artists.location IS 'location, from the record with the most details of the place';

COMMENT ON COLUMN artists.latitude IS 'latitude in degrees, from the same record';

COMMENT ON COLUMN artists.longitude IS 'longitude in degrees, from the same record';

CREATE TABLE IF NOT EXISTS songs (
    song_id VARCHAR(1024) NOT NULL ENCODE RAW,
    title VARCHAR(1024) NOT NULL ENCODE ZSTD,
    artist_id VARCHAR(1024) NOT NULL ENCODE ZSTD,
    year INTEGER ENCODE AZ64,
    duration DOUBLE PRECISION ENCODE ZSTD,
    PRIMARY KEY (song_id),
    FOREIGN KEY (artist_id) REFERENCES artists (artist_id)
)
DISTSTYLE AUTO
SORTKEY (song_id);

COMMENT ON TABLE songs IS 'One row per: one song of the catalogue. Source: staging_songs; if a song has several records, the first by (year, title, artist_id, duration), NULLs last.';

COMMENT ON COLUMN songs.song_id IS 'song';

COMMENT ON COLUMN songs.title IS 'title';

COMMENT ON COLUMN songs.artist_id IS 'artist: artists.artist_id';

COMMENT ON COLUMN songs.year IS 'year of release; NULL where unknown';

COMMENT ON COLUMN songs.duration IS 'length of the recording, in seconds';

CREATE TABLE IF NOT EXISTS users (
    user_id INTEGER NOT NULL ENCODE RAW,
    first_name VARCHAR(1024) ENCODE ZSTD,
    last_name VARCHAR(1024) ENCODE ZSTD,
    gender VARCHAR(1024) ENCODE ZSTD,
    level VARCHAR(1024) ENCODE ZSTD,
    registered_at TIMESTAMP ENCODE AZ64,
    PRIMARY KEY (user_id)
)
DISTSTYLE AUTO
SORTKEY (user_id);

COMMENT ON TABLE users IS 'One row per: one user, with the latest known value of each attribute. Source: staging_events with a userId, on any page.';

COMMENT ON COLUMN users.user_id IS 'user';

COMMENT ON COLUMN users.first_name IS 'first name';

COMMENT ON COLUMN users.last_name IS 'last name';

COMMENT ON COLUMN users.gender IS 'gender: F or M';

COMMENT ON COLUMN users.level IS 'latest subscription: free or paid; user_levels has the earlier ones';

COMMENT ON COLUMN users.registered_at IS 'when the user registered, UTC, to the millisecond';

CREATE TABLE IF NOT EXISTS user_levels (
    user_id INTEGER NOT NULL ENCODE RAW,
    level VARCHAR(1024) NOT NULL ENCODE ZSTD,
    valid_from TIMESTAMP NOT NULL ENCODE AZ64,
    valid_to TIMESTAMP ENCODE AZ64,
    FOREIGN KEY (user_id) REFERENCES users (user_id)
)
DISTSTYLE AUTO
SORTKEY (user_id);

COMMENT ON TABLE user_levels IS 'One row per: one span of time in which the level of a user did not change. Two levels at one moment make a span of no length. Source: staging_events with a userId and a level, on any page.';

COMMENT ON COLUMN user_levels.user_id IS 'user: users.user_id';

COMMENT ON COLUMN user_levels.level IS 'subscription in this span: free or paid';

COMMENT ON COLUMN user_levels.valid_from IS 'the user''s first event with this level, UTC';

COMMENT ON COLUMN user_levels.valid_to IS 'when the next span begins, UTC; NULL for the latest span';

CREATE TABLE IF NOT EXISTS songplays (
    songplay_id CHAR(32) NOT NULL ENCODE ZSTD,
    start_time TIMESTAMP NOT NULL ENCODE RAW,
    user_id INTEGER NOT NULL ENCODE AZ64,
    level VARCHAR(1024) ENCODE ZSTD,
    song_id VARCHAR(1024) ENCODE ZSTD,
    artist_id VARCHAR(1024) ENCODE ZSTD,
    session_id INTEGER NOT NULL ENCODE AZ64,
    location VARCHAR(1024) ENCODE ZSTD,
    user_agent VARCHAR(1024) ENCODE ZSTD,
    item_in_session INTEGER NOT NULL ENCODE AZ64,
    song_title VARCHAR(1024) NOT NULL ENCODE ZSTD,
    artist_name VARCHAR(1024) NOT NULL ENCODE ZSTD,
    song_length DOUBLE PRECISION ENCODE ZSTD,
    match VARCHAR(16) ENCODE ZSTD,
    PRIMARY KEY (songplay_id),
    FOREIGN KEY (user_id) REFERENCES users (user_id),
    FOREIGN KEY (song_id) REFERENCES songs (song_id),
    FOREIGN KEY (artist_id) REFERENCES artists (artist_id),
    FOREIGN KEY (start_time) REFERENCES time (start_time)
)
DISTSTYLE KEY DISTKEY (start_time)
SORTKEY (start_time);

COMMENT ON TABLE songplays IS 'One row per: one play, which is one natural key (user_id, session_id, item_in_session, start_time). Source: staging_events with page NextSong; song_id and artist_id by the match with staging_songs, exact or by normalized_texts.';

COMMENT ON COLUMN songplays.songplay_id IS 'MD5 of the natural key: the same on every load and engine';

COMMENT ON COLUMN songplays.start_time IS 'when the play began, UTC, to the millisecond: time.start_time';

COMMENT ON COLUMN songplays.user_id IS 'who played: users.user_id';

COMMENT ON COLUMN songplays.level IS 'subscription at the time of the play: free or paid';

COMMENT ON COLUMN songplays.song_id IS 'matched song: songs.song_id; NULL where the catalogue has none';

COMMENT ON COLUMN songplays.artist_id IS 'matched artist: artists.artist_id; NULL where the catalogue has none';

COMMENT ON COLUMN songplays.session_id IS 'session of the user';

COMMENT ON COLUMN songplays.location IS 'metropolitan area of the user';

COMMENT ON COLUMN songplays.user_agent IS 'user agent of the client, as logged';

COMMENT ON COLUMN songplays.item_in_session IS 'position of the play in its session, from 0';

COMMENT ON COLUMN songplays.song_title IS 'title as logged, matched or not';

COMMENT ON COLUMN songplays.artist_name IS 'artist as logged, matched or not';

COMMENT ON COLUMN songplays.song_length IS 'length of the track as logged, in seconds';

COMMENT ON COLUMN songplays.match IS 'how it was matched: exact, similar (by normalized texts), artist (no song); NULL where not at all';

CREATE TABLE IF NOT EXISTS load_history (
    load_id INTEGER NOT NULL ENCODE RAW,
    started_at TIMESTAMP NOT NULL ENCODE AZ64,
    finished_at TIMESTAMP ENCODE AZ64,
    status VARCHAR(32) NOT NULL ENCODE ZSTD,
    mode VARCHAR(32) ENCODE ZSTD,
    files INTEGER NOT NULL ENCODE AZ64,
    read BIGINT NOT NULL ENCODE AZ64,
    loaded BIGINT NOT NULL ENCODE AZ64,
    rejected BIGINT NOT NULL ENCODE AZ64,
    version VARCHAR(32) NOT NULL ENCODE ZSTD,
    detail VARCHAR(65535) NOT NULL ENCODE ZSTD,
    PRIMARY KEY (load_id)
)
DISTSTYLE AUTO
SORTKEY (load_id);

COMMENT ON TABLE load_history IS 'One row per: one load that found a new or changed file. Source: the loader. The row is there while the load runs, and gets its figures in the load''s own transaction.';

COMMENT ON COLUMN load_history.load_id IS 'load, counting from 1';

COMMENT ON COLUMN load_history.started_at IS 'when the load began, UTC';

COMMENT ON COLUMN load_history.finished_at IS 'when its rows were complete, or it failed, UTC';

COMMENT ON COLUMN load_history.status IS 'running, loaded, partial (a file could not be read), failed, interrupted or undone';

COMMENT ON COLUMN load_history.mode IS 'how the star was brought up to date: rebuild or refresh';

COMMENT ON COLUMN load_history.files IS 'files loaded';

COMMENT ON COLUMN load_history.read IS 'records read';

COMMENT ON COLUMN load_history.loaded IS 'records loaded into staging';

COMMENT ON COLUMN load_history.rejected IS 'records rejected';

COMMENT ON COLUMN load_history.version IS 'version of sparkify that did it';

COMMENT ON COLUMN load_history.detail IS 'JSON: seconds of each step, and the error of a load that failed; of a running load, who does it';

CREATE TABLE IF NOT EXISTS load_files (
    source_id INTEGER NOT NULL ENCODE RAW,
    load_id INTEGER NOT NULL ENCODE AZ64,
    dataset VARCHAR(16) NOT NULL ENCODE ZSTD,
    url VARCHAR(4096) NOT NULL ENCODE ZSTD,
    etag VARCHAR(1024) NOT NULL ENCODE ZSTD,
    size BIGINT NOT NULL ENCODE AZ64,
    modified TIMESTAMP NOT NULL ENCODE AZ64,
    read BIGINT NOT NULL ENCODE AZ64,
    loaded BIGINT NOT NULL ENCODE AZ64,
    rejected BIGINT NOT NULL ENCODE AZ64,
    status VARCHAR(32) NOT NULL ENCODE ZSTD,
    superseded_by INTEGER ENCODE AZ64,
    rules VARCHAR(64) ENCODE ZSTD,
    repaired BIGINT ENCODE AZ64,
    shape VARCHAR(16) ENCODE ZSTD,
    stat VARCHAR(256) ENCODE ZSTD,
    PRIMARY KEY (source_id),
    FOREIGN KEY (load_id) REFERENCES load_history (load_id)
)
DISTSTYLE AUTO
SORTKEY (source_id);

COMMENT ON TABLE load_files IS 'One row per: one content of one source file, as a load found it. Source: the loader, in the transaction of the load itself.';

COMMENT ON COLUMN load_files.source_id IS 'this content of this file, counting from 1';

COMMENT ON COLUMN load_files.load_id IS 'load that found it: load_history.load_id';

COMMENT ON COLUMN load_files.dataset IS 'events or songs';

COMMENT ON COLUMN load_files.url IS 'location of the file, a path or URL';

COMMENT ON COLUMN load_files.etag IS 'identity of the content: the store''s etag, else the SHA-256 of the bytes';

COMMENT ON COLUMN load_files.size IS 'bytes as stored';

COMMENT ON COLUMN load_files.modified IS 'time of last change as the store reports it, UTC; not part of the identity';

COMMENT ON COLUMN load_files.read IS 'records read';

COMMENT ON COLUMN load_files.loaded IS 'records loaded into staging';

COMMENT ON COLUMN load_files.rejected IS 'records rejected';

COMMENT ON COLUMN load_files.status IS 'loaded, failed (could not be read, or too many rejects), superseded (by newer content of the same URL) or undone';

COMMENT ON COLUMN load_files.superseded_by IS 'load that replaced this content: load_history.load_id';

COMMENT ON COLUMN load_files.rules IS 'digest of the rules by which its records were read';

COMMENT ON COLUMN load_files.repaired IS 'loaded records with a text that was encoded twice as UTF-8 and is repaired';

COMMENT ON COLUMN load_files.shape IS 'shape of the content: lines, objects, array or empty; NULL where it was not told';

COMMENT ON COLUMN load_files.stat IS 'state of a local file when its bytes were hashed: one of the same state is not read again';

CREATE TABLE IF NOT EXISTS rejected_records (
    source_id INTEGER NOT NULL ENCODE RAW,
    load_id INTEGER NOT NULL ENCODE AZ64,
    dataset VARCHAR(16) NOT NULL ENCODE ZSTD,
    url VARCHAR(4096) NOT NULL ENCODE ZSTD,
    line INTEGER NOT NULL ENCODE AZ64,
    reason VARCHAR(64) NOT NULL ENCODE ZSTD,
    "raw" VARCHAR(65535) NOT NULL ENCODE ZSTD,
    raw_size BIGINT ENCODE AZ64
)
DISTSTYLE EVEN
SORTKEY (source_id);

COMMENT ON TABLE rejected_records IS 'One row per: one rejected record. Source: the validator; nothing is lost: every record read is loaded or kept here.';

COMMENT ON COLUMN rejected_records.source_id IS 'file the record came from: load_files.source_id';

COMMENT ON COLUMN rejected_records.load_id IS 'load that rejected it: load_history.load_id';

COMMENT ON COLUMN rejected_records.dataset IS 'events or songs';

COMMENT ON COLUMN rejected_records.url IS 'location of the file, a path or URL';

COMMENT ON COLUMN rejected_records.line IS 'physical line of that file, from 1; in files of other shapes, the number of the record';

COMMENT ON COLUMN rejected_records.reason IS 'code of the first rule that failed, with the field where there is one';

COMMENT ON COLUMN rejected_records."raw" IS 'text of the record, cut if longer; \\xNN for a byte that is zero or not UTF-8';

COMMENT ON COLUMN rejected_records.raw_size IS 'bytes of the whole record; NULL if an older version rejected it';

CREATE TABLE IF NOT EXISTS warehouse_version (
    layout INTEGER NOT NULL ENCODE RAW,
    star VARCHAR(64) NOT NULL ENCODE ZSTD,
    program VARCHAR(64) NOT NULL ENCODE ZSTD,
    written_at TIMESTAMP NOT NULL ENCODE AZ64
)
DISTSTYLE AUTO
SORTKEY (layout);

COMMENT ON TABLE warehouse_version IS 'One row per: the warehouse. The table has one row. Source: the program that created the warehouse, or that last migrated or rebuilt it.';

COMMENT ON COLUMN warehouse_version.layout IS 'number of the layout: which tables and columns there are';

COMMENT ON COLUMN warehouse_version.star IS 'digest of the SQL that computes the star and the views';

COMMENT ON COLUMN warehouse_version.program IS 'version of sparkify that wrote this row';

COMMENT ON COLUMN warehouse_version.written_at IS 'when, UTC';

-- Grain: one moment of a session for which staging has several records: copies of an event, or several events.
-- Source: staging_events.
CREATE OR REPLACE VIEW repeated_moments AS
-- Grouping all records takes as long as a question. songplays has every play once: if it has as many rows as plays were
-- delivered, no play has a copy, and only the few other events are grouped.
SELECT
    sessionId AS session_id, -- session of the user
    itemInSession AS item_in_session, -- position of the event in its session, from 0
    ts -- time of the event, in milliseconds since 1970-01-01 UTC
FROM staging_events
WHERE page <> 'NextSong'
    OR (SELECT count(*) FROM staging_events AS play WHERE play.page = 'NextSong') > (SELECT count(*) FROM songplays)
GROUP BY sessionId, itemInSession, ts
HAVING count(*) > 1;

COMMENT ON VIEW repeated_moments IS 'One row per: one moment of a session for which staging has several records: copies of an event, or several events. Source: staging_events.';

COMMENT ON COLUMN repeated_moments.session_id IS 'session of the user';

COMMENT ON COLUMN repeated_moments.item_in_session IS 'position of the event in its session, from 0';

COMMENT ON COLUMN repeated_moments.ts IS 'time of the event, in milliseconds since 1970-01-01 UTC';

-- Grain: one event at a moment of its session for which staging has several records: mostly events with copies.
-- Source: staging_events at repeated_moments. Of the records of an event the smallest counts, NULLs last: for a play,
-- that of songplays.
-- People: first_name, last_name
CREATE OR REPLACE VIEW repeated_events AS
WITH ranked_records AS (
    SELECT
        event.userId, event.sessionId, event.itemInSession, event.ts, event.page, event.level,
        event.auth, event.method, event.status, event.song, event.artist, event.length,
        event.location, event.userAgent, event.firstName, event.lastName, event.gender, event.registration,
        row_number() OVER (
            PARTITION BY event.userId, event.sessionId, event.itemInSession, event.ts, event.page
            ORDER BY
                event.song, event.artist, event.length, event.level, event.location, event.userAgent,
                event.auth, event.firstName, event.gender, event.lastName, event.method, event.registration,
                event.status
        ) AS copy_rank
    FROM staging_events AS event
    INNER JOIN repeated_moments
        ON event.sessionId = repeated_moments.session_id
            AND event.itemInSession = repeated_moments.item_in_session
            AND event.ts = repeated_moments.ts
)

SELECT
    userId AS user_id, -- user: users.user_id; NULL while logged out
    sessionId AS session_id, -- session of the user
    itemInSession AS item_in_session, -- position of the event in its session, from 0
    ts, -- time of the event, in milliseconds since 1970-01-01 UTC
    page, -- page of the app; NextSong is a play
    level, -- subscription at the time of the event: free or paid
    auth, -- authentication state: Logged In, Logged Out, Cancelled, Guest
    method, -- HTTP method of the request
    status, -- HTTP status of the response
    song AS song_title, -- title of the track, as logged
    artist AS artist_name, -- artist of the track, as logged
    length AS song_length, -- length of the track, in seconds
    location, -- metropolitan area of the user
    userAgent AS user_agent, -- user agent of the client, as logged
    firstName AS first_name, -- user's first name
    lastName AS last_name, -- user's last name
    gender, -- user's gender: F or M
    registration -- user's registration, in milliseconds since 1970-01-01 UTC
FROM ranked_records
WHERE copy_rank = 1;

COMMENT ON VIEW repeated_events IS 'One row per: one event at a moment of its session for which staging has several records: mostly events with copies. Source: staging_events at repeated_moments. Of the records of an event the smallest counts, NULLs last: for a play, that of songplays.';

COMMENT ON COLUMN repeated_events.user_id IS 'user: users.user_id; NULL while logged out';

COMMENT ON COLUMN repeated_events.session_id IS 'session of the user';

COMMENT ON COLUMN repeated_events.item_in_session IS 'position of the event in its session, from 0';

COMMENT ON COLUMN repeated_events.ts IS 'time of the event, in milliseconds since 1970-01-01 UTC';

COMMENT ON COLUMN repeated_events.page IS 'page of the app; NextSong is a play';

COMMENT ON COLUMN repeated_events.level IS 'subscription at the time of the event: free or paid';

COMMENT ON COLUMN repeated_events.auth IS 'authentication state: Logged In, Logged Out, Cancelled, Guest';

COMMENT ON COLUMN repeated_events.method IS 'HTTP method of the request';

COMMENT ON COLUMN repeated_events.status IS 'HTTP status of the response';

COMMENT ON COLUMN repeated_events.song_title IS 'title of the track, as logged';

COMMENT ON COLUMN repeated_events.artist_name IS 'artist of the track, as logged';

COMMENT ON COLUMN repeated_events.song_length IS 'length of the track, in seconds';

COMMENT ON COLUMN repeated_events.location IS 'metropolitan area of the user';

COMMENT ON COLUMN repeated_events.user_agent IS 'user agent of the client, as logged';

COMMENT ON COLUMN repeated_events.first_name IS 'user''s first name';

COMMENT ON COLUMN repeated_events.last_name IS 'user''s last name';

COMMENT ON COLUMN repeated_events.gender IS 'user''s gender: F or M';

COMMENT ON COLUMN repeated_events.registration IS 'user''s registration, in milliseconds since 1970-01-01 UTC';

-- Grain: one event, even if it was delivered several times: a user, session, position in it, moment and page.
-- Source: staging_events, with the records at repeated_moments replaced by repeated_events.
-- People: first_name, last_name
CREATE OR REPLACE VIEW events AS
WITH single_events AS (
    SELECT
        event.userId AS user_id,
        event.sessionId AS session_id,
        event.itemInSession AS item_in_session,
        event.ts,
        event.page,
        event.level,
        event.auth,
        event.method,
        event.status,
        event.song AS song_title,
        event.artist AS artist_name,
        event.length AS song_length,
        event.location,
        event.userAgent AS user_agent,
        event.firstName AS first_name,
        event.lastName AS last_name,
        event.gender,
        event.registration,
        DATE '1970-01-01' + cast(floor(cast(event.ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS day,
        cast(event.ts % 86400000 AS INTEGER) AS millisecond_of_day
    FROM staging_events AS event
    LEFT JOIN repeated_moments
        ON event.sessionId = repeated_moments.session_id
            AND event.itemInSession = repeated_moments.item_in_session
            AND event.ts = repeated_moments.ts
    WHERE repeated_moments.ts IS NULL
    UNION ALL
    SELECT
        user_id, session_id, item_in_session, ts, page, level,
        auth, method, status, song_title, artist_name, song_length,
        location, user_agent, first_name, last_name, gender, registration,
        DATE '1970-01-01' + cast(floor(cast(ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS day,
        cast(ts % 86400000 AS INTEGER) AS millisecond_of_day
    FROM repeated_events
)

SELECT
    user_id, -- user: users.user_id; NULL while logged out
    session_id, -- session of the user
    item_in_session, -- position of the event in its session, from 0
    cast(day AS TIMESTAMP) + millisecond_of_day * INTERVAL '1 millisecond' AS happened_at, -- when it happened, UTC
    day, -- day of the event, UTC
    cast(date_trunc('week', day) AS DATE) AS week, -- Monday of its ISO week, UTC
    cast(extract(DOW FROM day) AS INTEGER) AS weekday, -- day of the week, 0 = Sunday to 6 = Saturday, UTC
    cast(floor(cast(millisecond_of_day AS DOUBLE PRECISION) / 3600000) AS INTEGER) AS hour, -- hour of the day, 0 to 23, UTC
    ts, -- happened_at in milliseconds since 1970-01-01 UTC, to calculate with
    page, -- page of the app; NextSong is a play
    level, -- subscription at the time of the event: free or paid
    auth, -- authentication state: Logged In, Logged Out, Cancelled, Guest
    method, -- HTTP method of the request
    status, -- HTTP status of the response
    song_title, -- title of the track, as logged
    artist_name, -- artist of the track, as logged
    song_length, -- length of the track, in seconds
    location, -- metropolitan area of the user
    user_agent, -- user agent of the client, as logged
    first_name, -- user's first name
    last_name, -- user's last name
    gender, -- user's gender: F or M
    registration -- user's registration, in milliseconds since 1970-01-01 UTC
FROM single_events;

COMMENT ON VIEW events IS 'One row per: one event, even if it was delivered several times: a user, session, position in it, moment and page. Source: staging_events, with the records at repeated_moments replaced by repeated_events.';

COMMENT ON COLUMN events.user_id IS 'user: users.user_id; NULL while logged out';

COMMENT ON COLUMN events.session_id IS 'session of the user';

COMMENT ON COLUMN events.item_in_session IS 'position of the event in its session, from 0';

COMMENT ON COLUMN events.happened_at IS 'when it happened, UTC';

COMMENT ON COLUMN events.day IS 'day of the event, UTC';

COMMENT ON COLUMN events.week IS 'Monday of its ISO week, UTC';

COMMENT ON COLUMN events.weekday IS 'day of the week, 0 = Sunday to 6 = Saturday, UTC';

COMMENT ON COLUMN events.hour IS 'hour of the day, 0 to 23, UTC';

COMMENT ON COLUMN events.ts IS 'happened_at in milliseconds since 1970-01-01 UTC, to calculate with';

COMMENT ON COLUMN events.page IS 'page of the app; NextSong is a play';

COMMENT ON COLUMN events.level IS 'subscription at the time of the event: free or paid';

COMMENT ON COLUMN events.auth IS 'authentication state: Logged In, Logged Out, Cancelled, Guest';

COMMENT ON COLUMN events.method IS 'HTTP method of the request';

COMMENT ON COLUMN events.status IS 'HTTP status of the response';

COMMENT ON COLUMN events.song_title IS 'title of the track, as logged';

COMMENT ON COLUMN events.artist_name IS 'artist of the track, as logged';

COMMENT ON COLUMN events.song_length IS 'length of the track, in seconds';

COMMENT ON COLUMN events.location IS 'metropolitan area of the user';

COMMENT ON COLUMN events.user_agent IS 'user agent of the client, as logged';

COMMENT ON COLUMN events.first_name IS 'user''s first name';

COMMENT ON COLUMN events.last_name IS 'user''s last name';

COMMENT ON COLUMN events.gender IS 'user''s gender: F or M';

COMMENT ON COLUMN events.registration IS 'user''s registration, in milliseconds since 1970-01-01 UTC';

-- Grain: one session: a user and a session id. Events without a user are in no session.
-- Source: the view events.
CREATE OR REPLACE VIEW sessions AS
WITH spans AS (
    SELECT
        user_id,
        session_id,
        min(happened_at) AS started_at,
        max(happened_at) AS ended_at,
        count(*) AS events,
        sum(CASE WHEN page = 'NextSong' THEN 1 ELSE 0 END) AS plays
    FROM events
    WHERE user_id IS NOT NULL
    GROUP BY user_id, session_id
),

-- Only the events of a session's first moment are ordered.
ranked_events AS (
    SELECT
        events.user_id,
        events.session_id,
        events.level,
        row_number() OVER (
            PARTITION BY events.user_id, events.session_id ORDER BY events.item_in_session, events.page
        ) AS event_rank
    FROM events
    INNER JOIN spans
        ON events.user_id = spans.user_id
            AND events.session_id = spans.session_id
            AND events.happened_at = spans.started_at
)

SELECT
    spans.user_id, -- user: users.user_id
    spans.session_id, -- session id of the user: two users may have the same
    spans.started_at, -- when its first event happened, UTC
    spans.ended_at, -- when its last event happened, UTC
    spans.events, -- number of its events
    spans.plays, -- number of its plays
    ranked_events.level -- subscription at its first event: free or paid
FROM spans
INNER JOIN ranked_events
    ON spans.user_id = ranked_events.user_id
        AND spans.session_id = ranked_events.session_id
        AND ranked_events.event_rank = 1;

COMMENT ON VIEW sessions IS 'One row per: one session: a user and a session id. Events without a user are in no session. Source: the view events.';

COMMENT ON COLUMN sessions.user_id IS 'user: users.user_id';

COMMENT ON COLUMN sessions.session_id IS 'session id of the user: two users may have the same';

COMMENT ON COLUMN sessions.started_at IS 'when its first event happened, UTC';

COMMENT ON COLUMN sessions.ended_at IS 'when its last event happened, UTC';

COMMENT ON COLUMN sessions.events IS 'number of its events';

COMMENT ON COLUMN sessions.plays IS 'number of its plays';

COMMENT ON COLUMN sessions.level IS 'subscription at its first event: free or paid';

-- Grain: one play.
-- Source: songplays with columns of users, songs and artists; NULL if the catalogue has no match. A play without a song
-- may have an artist.
CREATE OR REPLACE VIEW plays AS
SELECT
    songplays.songplay_id, -- MD5 of the natural key: the same on every load and engine
    songplays.start_time, -- when the play began, UTC, to the millisecond
    cast(songplays.start_time AS DATE) AS day, -- day of the play, UTC
    cast(date_trunc('week', songplays.start_time) AS DATE) AS week, -- Monday of its ISO week, UTC
    cast(extract(DOW FROM songplays.start_time) AS INTEGER) AS weekday, -- day of the week, 0 = Sunday to 6 = Saturday, UTC
    cast(extract(HOUR FROM songplays.start_time) AS INTEGER) AS hour, -- hour of the day, 0 to 23, UTC
    songplays.user_id, -- who played: users.user_id
    users.gender, -- user's gender: F or M
    users.level AS latest_level, -- user's latest subscription: free or paid
    users.registered_at, -- when the user registered, UTC
    songplays.level, -- subscription at the time of the play: free or paid
    songplays.session_id, -- session of the user
    songplays.item_in_session, -- position of the play in its session, from 0
    songplays.match, -- how it was matched: exact, similar, artist (no song); NULL where not at all
    songplays.song_id, -- matched song: songs.song_id
    songs.title AS catalogue_title, -- title of the matched song
    songs.year AS song_year, -- year of release of the matched song
    songs.duration AS song_duration, -- length of the matched recording, in seconds
    songplays.artist_id, -- matched artist: artists.artist_id
    artists.name AS catalogue_artist, -- name of the matched artist
    artists.location AS artist_location, -- location of the matched artist
    artists.latitude AS artist_latitude, -- latitude of the matched artist in degrees
    artists.longitude AS artist_longitude, -- longitude of the matched artist in degrees
    songplays.location, -- metropolitan area of the user
    songplays.user_agent, -- user agent of the client, as logged
    songplays.song_title, -- title as logged, matched or not
    songplays.artist_name, -- artist as logged, matched or not
    songplays.song_length -- length of the track as logged, in seconds
FROM songplays
LEFT JOIN users ON songplays.user_id = users.user_id
LEFT JOIN songs ON songplays.song_id = songs.song_id
LEFT JOIN artists ON songplays.artist_id = artists.artist_id;

COMMENT ON VIEW plays IS 'One row per: one play. Source: songplays with columns of users, songs and artists; NULL if the catalogue has no match. A play without a song may have an artist.';

COMMENT ON COLUMN plays.songplay_id IS 'MD5 of the natural key: the same on every load and engine';

COMMENT ON COLUMN plays.start_time IS 'when the play began, UTC, to the millisecond';

COMMENT ON COLUMN plays.day IS 'day of the play, UTC';

COMMENT ON COLUMN plays.week IS 'Monday of its ISO week, UTC';

COMMENT ON COLUMN plays.weekday IS 'day of the week, 0 = Sunday to 6 = Saturday, UTC';

COMMENT ON COLUMN plays.hour IS 'hour of the day, 0 to 23, UTC';

COMMENT ON COLUMN plays.user_id IS 'who played: users.user_id';

COMMENT ON COLUMN plays.gender IS 'user''s gender: F or M';

COMMENT ON COLUMN plays.latest_level IS 'user''s latest subscription: free or paid';

COMMENT ON COLUMN plays.registered_at IS 'when the user registered, UTC';

COMMENT ON COLUMN plays.level IS 'subscription at the time of the play: free or paid';

COMMENT ON COLUMN plays.session_id IS 'session of the user';

COMMENT ON COLUMN plays.item_in_session IS 'position of the play in its session, from 0';

COMMENT ON COLUMN plays.match IS 'how it was matched: exact, similar, artist (no song); NULL where not at all';

COMMENT ON COLUMN plays.song_id IS 'matched song: songs.song_id';

COMMENT ON COLUMN plays.catalogue_title IS 'title of the matched song';

COMMENT ON COLUMN plays.song_year IS 'year of release of the matched song';

COMMENT ON COLUMN plays.song_duration IS 'length of the matched recording, in seconds';

COMMENT ON COLUMN plays.artist_id IS 'matched artist: artists.artist_id';

COMMENT ON COLUMN plays.catalogue_artist IS 'name of the matched artist';

COMMENT ON COLUMN plays.artist_location IS 'location of the matched artist';

COMMENT ON COLUMN plays.artist_latitude IS 'latitude of the matched artist in degrees';

COMMENT ON COLUMN plays.artist_longitude IS 'longitude of the matched artist in degrees';

COMMENT ON COLUMN plays.location IS 'metropolitan area of the user';

COMMENT ON COLUMN plays.user_agent IS 'user agent of the client, as logged';

COMMENT ON COLUMN plays.song_title IS 'title as logged, matched or not';

COMMENT ON COLUMN plays.artist_name IS 'artist as logged, matched or not';

COMMENT ON COLUMN plays.song_length IS 'length of the track as logged, in seconds';

-- Grain: one calendar day, UTC, from the first event to the last, also days without events.
-- Source: the view events.
CREATE OR REPLACE VIEW days AS
WITH log_bounds AS (
    SELECT min(day) AS first_day, max(day) AS last_day FROM events
),

digits AS (
    SELECT 0 AS digit
    UNION ALL
    SELECT 1 AS digit
    UNION ALL
    SELECT 2 AS digit
    UNION ALL
    SELECT 3 AS digit
    UNION ALL
    SELECT 4 AS digit
    UNION ALL
    SELECT 5 AS digit
    UNION ALL
    SELECT 6 AS digit
    UNION ALL
    SELECT 7 AS digit
    UNION ALL
    SELECT 8 AS digit
    UNION ALL
    SELECT 9 AS digit
),

to_hundred AS (
    SELECT 10 * tens.digit + ones.digit AS number
    FROM digits AS tens
    CROSS JOIN digits AS ones
),

-- As many numbers as a hundred years have days.
numbers AS (
    SELECT 10000 * ten_thousands.digit + 100 * hundreds.number + to_hundred.number AS number
    FROM digits AS ten_thousands
    CROSS JOIN to_hundred AS hundreds
    CROSS JOIN to_hundred
    WHERE ten_thousands.digit < 4
)

SELECT
    log_bounds.first_day + numbers.number AS day -- the day, UTC
FROM log_bounds
INNER JOIN numbers ON numbers.number <= log_bounds.last_day - log_bounds.first_day;

COMMENT ON VIEW days IS 'One row per: one calendar day, UTC, from the first event to the last, also days without events. Source: the view events.';

COMMENT ON COLUMN days.day IS 'the day, UTC';

DELETE FROM warehouse_version;

INSERT INTO warehouse_version (layout, star, program, written_at)
VALUES ($1, $2, $3, $4);

COMMIT;
