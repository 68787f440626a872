-- Grain: one artist of the catalogue.
-- Source: staging_songs; an artist recorded under several names has the shortest of them here.
-- Keys: PRIMARY KEY (artist_id)
-- Redshift: DISTSTYLE AUTO SORTKEY (artist_id)
-- Why: Redshift copies a small table to every node, and distributes it once it has grown.
CREATE TABLE IF NOT EXISTS artists (
    artist_id VARCHAR(1024) NOT NULL, -- artist
    name VARCHAR(1024) NOT NULL, -- name with the fewest characters; of several, the first in byte order
    location VARCHAR(1024), -- location, from the record with the most details of the place
    latitude DOUBLE PRECISION, -- latitude in degrees, from the same record
    longitude DOUBLE PRECISION -- longitude in degrees, from the same record
)
