-- Grain: one play to recompute, in one or more rows.
CREATE TEMP TABLE sparkify_touched_plays (
    start_time TIMESTAMP NOT NULL, -- ts as a timestamp
    user_id INTEGER NOT NULL, -- natural key of the play
    session_id INTEGER NOT NULL, -- natural key of the play
    item_in_session INTEGER NOT NULL, -- natural key of the play
    ts BIGINT NOT NULL -- natural key of the play
)
