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
SORTKEY (source_id)
