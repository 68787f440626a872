-- Grain: one user, with the latest known value of each attribute.
-- Source: staging_events with a userId, on any page.
-- Keys: PRIMARY KEY (user_id)
-- Redshift: DISTSTYLE AUTO SORTKEY (user_id)
-- People: first_name, last_name
-- Why: Redshift copies a small table to every node, and distributes it once it has grown.
CREATE TABLE IF NOT EXISTS users (
    user_id INTEGER NOT NULL, -- user
    first_name VARCHAR(1024), -- first name
    last_name VARCHAR(1024), -- last name
    gender VARCHAR(1024), -- gender: F or M
    level VARCHAR(1024), -- latest subscription: free or paid; user_levels has the earlier ones
    registered_at TIMESTAMP -- when the user registered, UTC, to the millisecond
)
