-- Grain: one song of the catalogue.
-- Source: staging_songs; if a song has several records, the first by (year, title, artist_id, duration), NULLs last.
-- Keys: PRIMARY KEY (song_id), FOREIGN KEY (artist_id) REFERENCES artists (artist_id)
-- Redshift: DISTSTYLE AUTO SORTKEY (song_id)
-- Why: Redshift copies a small table to every node, and distributes it once it has grown.
CREATE TABLE IF NOT EXISTS songs (
    song_id VARCHAR(1024) NOT NULL, -- song
    title VARCHAR(1024) NOT NULL, -- title
    artist_id VARCHAR(1024) NOT NULL, -- artist: artists.artist_id
    year INTEGER, -- year of release; NULL where unknown
    duration DOUBLE PRECISION -- length of the recording, in seconds
)
