BEGIN;

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

DROP TABLE load_lock;

DROP TABLE rejected_records;

DROP TABLE load_files;

DROP TABLE load_history;

DROP TABLE songplays;

DROP TABLE users;

DROP TABLE songs;

DROP TABLE artists;

DROP TABLE time;

DROP TABLE staging_songs;

DROP TABLE staging_events;

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

-- Rows come and go by file, so they are sorted by it; no column is worth distributing by.
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
    line INTEGER NOT NULL ENCODE AZ64
)
DISTSTYLE EVEN
SORTKEY (source_id);

-- Rows come and go by file, so they are sorted by it; no column is worth distributing by.
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
    line INTEGER NOT NULL ENCODE AZ64
)
DISTSTYLE EVEN
SORTKEY (source_id);

-- Sorted as songplays is. Not distributed by it: plays of one moment would seek out one slice.
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
DISTSTYLE AUTO
SORTKEY (start_time);

-- Redshift copies a small table to every node by itself, and distributes it once it has grown.
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

-- Redshift copies a small table to every node by itself, and distributes it once it has grown.
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

-- Redshift copies a small table to every node by itself, and distributes it once it has grown.
CREATE TABLE IF NOT EXISTS users (
    user_id INTEGER NOT NULL ENCODE RAW,
    first_name VARCHAR(1024) ENCODE ZSTD,
    last_name VARCHAR(1024) ENCODE ZSTD,
    gender VARCHAR(1024) ENCODE ZSTD,
    level VARCHAR(1024) ENCODE ZSTD,
    PRIMARY KEY (user_id)
)
DISTSTYLE AUTO
SORTKEY (user_id);

-- Analysts ask for spans of time. song_id is NULL for most plays: distributed by it, they would pile up on one slice.
CREATE TABLE IF NOT EXISTS songplays (
    songplay_id CHAR(32) NOT NULL ENCODE RAW,
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
    PRIMARY KEY (songplay_id),
    FOREIGN KEY (user_id) REFERENCES users (user_id),
    FOREIGN KEY (song_id) REFERENCES songs (song_id),
    FOREIGN KEY (artist_id) REFERENCES artists (artist_id),
    FOREIGN KEY (start_time) REFERENCES time (start_time)
)
DISTSTYLE EVEN
SORTKEY (start_time);

-- One row a load: small, and read whole.
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

-- Read whole by every plan.
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
    PRIMARY KEY (source_id),
    FOREIGN KEY (load_id) REFERENCES load_history (load_id)
)
DISTSTYLE AUTO
SORTKEY (source_id);

-- raw is a reserved word here. 65,535 bytes are the most that a column holds.
CREATE TABLE IF NOT EXISTS rejected_records (
    source_id INTEGER NOT NULL ENCODE RAW,
    load_id INTEGER NOT NULL ENCODE AZ64,
    dataset VARCHAR(16) NOT NULL ENCODE ZSTD,
    url VARCHAR(4096) NOT NULL ENCODE ZSTD,
    line INTEGER NOT NULL ENCODE AZ64,
    reason VARCHAR(64) NOT NULL ENCODE ZSTD,
    "raw" VARCHAR(65535) NOT NULL ENCODE ZSTD
)
DISTSTYLE EVEN
SORTKEY (source_id);

COMMIT;
