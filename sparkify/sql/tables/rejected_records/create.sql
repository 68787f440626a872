-- Grain: one rejected record.
-- Source: the validator; nothing is lost: every record read is loaded or kept here.
-- Redshift: DISTSTYLE EVEN SORTKEY (source_id)
-- People: raw
-- Why: rows come and go by file, so they are sorted by it. "raw" is a reserved word of Redshift; 65,535 bytes are the
-- most that a column holds.
CREATE TABLE IF NOT EXISTS rejected_records (
    source_id INTEGER NOT NULL, -- file the record came from: load_files.source_id
    load_id INTEGER NOT NULL, -- load that rejected it: load_history.load_id
    dataset VARCHAR(16) NOT NULL, -- events or songs
    url VARCHAR(4096) NOT NULL, -- location of the file, a path or URL
    line INTEGER NOT NULL, -- physical line of that file, from 1; in files of other shapes, the number of the record
    reason VARCHAR(64) NOT NULL, -- code of the first rule that failed, with the field where there is one
    "raw" VARCHAR(65535) NOT NULL, -- text of the record, cut if longer; \xNN for a byte that is zero or not UTF-8
    raw_size BIGINT -- bytes of the whole record; NULL if an older version rejected it
)
