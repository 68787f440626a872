-- Grain: one loaded file with records whose texts were repaired without reading it again.
CREATE TEMP TABLE sparkify_repaired_files (
    source_id INTEGER NOT NULL, -- file: load_files.source_id
    records BIGINT NOT NULL -- how many of its records
)
