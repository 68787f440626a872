-- Grain: one artist to recompute, in one or more rows.
CREATE TEMP TABLE sparkify_touched_artists (
    artist_id VARCHAR(1024) NOT NULL -- artist
)
