-- Grain: one data file as listed.
CREATE TEMP TABLE sparkify_listed_files (
    number INTEGER NOT NULL, -- place in the listing of its dataset, from 0
    dataset VARCHAR(16) NOT NULL, -- events or songs
    url VARCHAR(4096) NOT NULL, -- location of the file, a path or URL
    size BIGINT NOT NULL, -- bytes as stored
    etag VARCHAR(1024), -- the store's identifier of the content
    stat VARCHAR(256) -- state of a local file
)
