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
SORTKEY (source_id)
