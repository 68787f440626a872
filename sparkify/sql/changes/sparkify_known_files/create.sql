-- Grain: one file whose rows are in staging, as a plan compares it.
CREATE TEMP TABLE sparkify_known_files (
    source_id INTEGER NOT NULL, -- file: load_files.source_id
    load_id INTEGER NOT NULL, -- load that found it: load_files.load_id
    dataset VARCHAR(16) NOT NULL, -- events or songs
    url VARCHAR(4096) NOT NULL, -- location of the file: load_files.url
    fingerprint VARCHAR(1024) NOT NULL, -- identity of the content: load_files.etag
    size BIGINT NOT NULL, -- bytes as stored
    loaded BIGINT NOT NULL, -- records in staging
    stat VARCHAR(256), -- state of a local file when its bytes were hashed
    is_outdated BOOLEAN NOT NULL -- whether its records were read by other rules than today's
)
