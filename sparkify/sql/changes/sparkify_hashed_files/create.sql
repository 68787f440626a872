-- Grain: one loaded file whose bytes were hashed again and are the same.
CREATE TEMP TABLE sparkify_hashed_files (
    source_id INTEGER NOT NULL, -- file: load_files.source_id
    stat VARCHAR(256) NOT NULL -- its state: load_files.stat
)
