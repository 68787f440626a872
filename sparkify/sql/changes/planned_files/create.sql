-- Grain: one loaded file as the ledger had it when the load was planned.
CREATE TEMP TABLE planned_files (
    source_id INTEGER NOT NULL, -- file: load_files.source_id
    url VARCHAR(4096) NOT NULL, -- location of the file
    loaded BIGINT NOT NULL, -- records in staging
    rejected BIGINT NOT NULL -- records rejected
)
