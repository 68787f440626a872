-- Grain: one loaded file that now stands at another place.
CREATE TEMP TABLE sparkify_moved_files (
    dataset VARCHAR(16) NOT NULL, -- events or songs
    url VARCHAR(4096) NOT NULL, -- where it stood: load_files.url
    moved_to VARCHAR(4096) NOT NULL -- where it stands
)
