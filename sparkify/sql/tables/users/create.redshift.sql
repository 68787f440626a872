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
SORTKEY (user_id)
