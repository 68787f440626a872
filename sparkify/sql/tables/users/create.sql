-- Grain: one user, as the user's latest event describes them.
-- Source: staging_events with a userId, on any page.
-- Keys: PRIMARY KEY (user_id)
-- Redshift: DISTSTYLE AUTO SORTKEY (user_id)
-- Why: Redshift copies a small table to every node, and distributes it once it has grown.
CREATE TABLE IF NOT EXISTS users (
    user_id INTEGER NOT NULL, -- user
    first_name VARCHAR(1024), -- first name
    last_name VARCHAR(1024), -- last name
    gender VARCHAR(1024), -- gender: F or M
    level VARCHAR(1024) -- latest subscription: free or paid; for the level of a play see songplays.level
)
