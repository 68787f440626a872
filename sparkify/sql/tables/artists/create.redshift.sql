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
SORTKEY (artist_id)
