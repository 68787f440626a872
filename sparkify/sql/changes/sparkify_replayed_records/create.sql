-- Grain: one reject that is judged again.
CREATE TEMP TABLE sparkify_replayed_records (
    number INTEGER NOT NULL, -- place among those of its dataset, from 1
    source_id INTEGER NOT NULL, -- file: load_files.source_id
    load_id INTEGER NOT NULL, -- load that rejected it
    dataset VARCHAR(16) NOT NULL, -- events or songs
    url VARCHAR(4096) NOT NULL, -- location of the file, a path or URL
    line INTEGER NOT NULL, -- physical line of that file
    "raw" VARCHAR(65535) NOT NULL -- text of the line
)
