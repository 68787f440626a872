-- Grain: one user to be computed anew, in one or more rows.
CREATE TEMP TABLE touched_users (
    user_id INTEGER NOT NULL -- user
)
