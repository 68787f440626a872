-- Grain: one load that met a new or changed file.
-- Source: the loader, in the transaction of the load itself.
CREATE TABLE IF NOT EXISTS load_history (
    load_id INTEGER NOT NULL, -- load, counting from 1
    started_at TIMESTAMP NOT NULL, -- when the load began, UTC
    finished_at TIMESTAMP NOT NULL, -- when its rows were complete, UTC
    status VARCHAR(32) NOT NULL, -- loaded; partial if a file could not be read, failed if none could; undone
    mode VARCHAR(32) NOT NULL, -- how the star was brought up to date: rebuild or refresh
    files INTEGER NOT NULL, -- files loaded
    read BIGINT NOT NULL, -- records read
    loaded BIGINT NOT NULL, -- records loaded into staging
    rejected BIGINT NOT NULL, -- records rejected
    version VARCHAR(32) NOT NULL -- version of sparkify that did it
)
