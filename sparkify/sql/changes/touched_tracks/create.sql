-- Grain: one title and artist name of a changed catalogue record, in one or more rows.
CREATE TEMP TABLE touched_tracks (
    title VARCHAR(1024) NOT NULL, -- title as in the catalogue
    artist_name VARCHAR(1024) NOT NULL -- artist name as in the catalogue
)
