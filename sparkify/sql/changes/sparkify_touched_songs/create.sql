-- Grain: one song to recompute, in one or more rows.
CREATE TEMP TABLE sparkify_touched_songs (
    song_id VARCHAR(1024) NOT NULL -- song
)
