-- Grain: one name of an artist whose plays to match anew, in one or more rows.
CREATE TEMP TABLE sparkify_touched_names (
    artist_name VARCHAR(1024) NOT NULL -- name as in the catalogue, or one with the same normalized form
)
