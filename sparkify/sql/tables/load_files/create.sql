-- Grain: one content of one source file, as a load found it.
-- Source: the loader, in the transaction of the load itself.
-- Keys: PRIMARY KEY (source_id), FOREIGN KEY (load_id) REFERENCES load_history (load_id)
-- Redshift: DISTSTYLE AUTO SORTKEY (source_id)
-- Why: every plan reads the whole table.
CREATE TABLE IF NOT EXISTS load_files (
    source_id INTEGER NOT NULL, -- this content of this file, counting from 1
    load_id INTEGER NOT NULL, -- load that found it: load_history.load_id
    dataset VARCHAR(16) NOT NULL, -- events or songs
    url VARCHAR(4096) NOT NULL, -- location of the file, a path or URL
    etag VARCHAR(1024) NOT NULL, -- identity of the content: the store's etag, else the SHA-256 of the bytes
    size BIGINT NOT NULL, -- bytes as stored
    modified TIMESTAMP NOT NULL, -- time of last change as the store reports it, UTC; not part of the identity
    read BIGINT NOT NULL, -- records read
    loaded BIGINT NOT NULL, -- records loaded into staging
    rejected BIGINT NOT NULL, -- records rejected
    status VARCHAR(32) NOT NULL, -- loaded, failed (could not be read, or too many rejects), superseded (by newer content of the same URL) or undone
    superseded_by INTEGER, -- load that replaced this content: load_history.load_id
    rules VARCHAR(64), -- digest of the rules by which its records were read
    repaired BIGINT, -- loaded records with a text that was encoded twice as UTF-8 and is repaired
    shape VARCHAR(16), -- shape of the content: lines, objects, array or empty; NULL where it was not told
    stat VARCHAR(256) -- state of a local file when its bytes were hashed: one of the same state is not read again
)
