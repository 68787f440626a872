-- Grain: one load that found a new or changed file.
-- Source: the loader. The row is there while the load runs, and gets its figures in the load's own transaction.
-- Keys: PRIMARY KEY (load_id)
-- Redshift: DISTSTYLE AUTO SORTKEY (load_id)
-- Why: small, and always read as a whole.
CREATE TABLE IF NOT EXISTS load_history (
    load_id INTEGER NOT NULL, -- load, counting from 1
    started_at TIMESTAMP NOT NULL, -- when the load began, UTC
    finished_at TIMESTAMP, -- when its rows were complete, or it failed, UTC
    status VARCHAR(32) NOT NULL, -- running, loaded, partial (a file could not be read), failed, interrupted or undone
    mode VARCHAR(32), -- how the star was brought up to date: rebuild or refresh
    files INTEGER NOT NULL, -- files loaded
    read BIGINT NOT NULL, -- records read
    loaded BIGINT NOT NULL, -- records loaded into staging
    rejected BIGINT NOT NULL, -- records rejected
    version VARCHAR(32) NOT NULL, -- version of sparkify that did it
    detail VARCHAR(65535) NOT NULL -- JSON: seconds of each step, and the error of a load that failed; of a running load, who does it
)
