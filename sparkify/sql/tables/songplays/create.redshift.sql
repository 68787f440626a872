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
SORTKEY (start_time)
