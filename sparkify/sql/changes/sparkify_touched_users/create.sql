-- Grain: one user to recompute, in one or more rows, with what the star says of the user before.
CREATE TEMP TABLE sparkify_touched_users (
    user_id INTEGER NOT NULL, -- user
    ts BIGINT NOT NULL, -- the first moment of which events come or leave, of any user
    moment TIMESTAMP NOT NULL, -- ts as a timestamp
    first_name VARCHAR(1024), -- users.first_name
    last_name VARCHAR(1024), -- users.last_name
    gender VARCHAR(1024), -- users.gender
    level VARCHAR(1024), -- users.level
    registered_at TIMESTAMP, -- users.registered_at
    span_level VARCHAR(1024), -- level of the span that ts is in, or ends: user_levels.level
    span_from TIMESTAMP -- when that span began: user_levels.valid_from
)
