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
SORTKEY (song_id)
