-- Grain: one span of time in which the level of a user did not change. Two levels at one moment make a span of no length.
-- Source: staging_events with a userId and a level, on any page.
-- Keys: FOREIGN KEY (user_id) REFERENCES users (user_id)
-- Redshift: DISTSTYLE AUTO SORTKEY (user_id)
-- Why: spans of no length may be equal, so there is no primary key.
CREATE TABLE IF NOT EXISTS user_levels (
    user_id INTEGER NOT NULL, -- user: users.user_id
    level VARCHAR(1024) NOT NULL, -- subscription in this span: free or paid
    valid_from TIMESTAMP NOT NULL, -- the user's first event with this level, UTC
    valid_to TIMESTAMP -- when the next span begins, UTC; NULL for the latest span
)
