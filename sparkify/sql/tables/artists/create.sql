-- Grain: one artist of the catalogue.
-- Source: staging_songs; an artist recorded under several names has the shortest of them here.
-- Keys: PRIMARY KEY (artist_id)
-- Redshift: DISTSTYLE AUTO SORTKEY (artist_id)
-- Why: Redshift copies a small table to every node, and distributes it once it has grown.
CREATE TABLE IF NOT EXISTS artists (
    artist_id VARCHAR(1024) NOT NULL, -- artist
    name VARCHAR(1024) NOT NULL, -- shortest name by characters, then the least
    location VARCHAR(1024), -- location, of the record that knows most
    latitude DOUBLE PRECISION, -- latitude in degrees, of the same record
    longitude DOUBLE PRECISION -- longitude in degrees, of the same record
)
