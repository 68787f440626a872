-- Grain: one user to recompute, in one or more rows.
CREATE TEMP TABLE touched_users (
    user_id INTEGER NOT NULL -- user
)
