-- Grain: one file whose rows enter or leave staging in the load under way.
CREATE TEMP TABLE sparkify_changed_files (
    source_id INTEGER NOT NULL -- file: load_files.source_id
)
