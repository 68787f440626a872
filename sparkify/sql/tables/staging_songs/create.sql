-- Grain: one loaded song record. A record delivered in two files has two rows.
-- Source: song data (Million Song Dataset), under the keys of the source; rejected records are left out.
-- Redshift: DISTSTYLE EVEN SORTKEY (source_id)
-- Why: rows come and go by file, so they are sorted by it; no column is worth distributing by.
CREATE TABLE IF NOT EXISTS staging_songs (
    num_songs INTEGER, -- songs in the record, as delivered
    artist_id VARCHAR(1024) NOT NULL, -- artist of the song
    artist_latitude DOUBLE PRECISION, -- latitude of the artist's location, in degrees
    artist_longitude DOUBLE PRECISION, -- longitude of the artist's location, in degrees
    artist_location VARCHAR(1024), -- location of the artist, as delivered
    artist_name VARCHAR(1024) NOT NULL, -- name that the artist recorded this song under
    song_id VARCHAR(1024) NOT NULL, -- song
    title VARCHAR(1024) NOT NULL, -- title of the song
    duration DOUBLE PRECISION, -- length of the recording, in seconds
    year INTEGER, -- year of release; NULL where the source says 0
    source_id INTEGER NOT NULL, -- file the record came from: load_files.source_id
    line INTEGER NOT NULL, -- physical line of that file, from 1; in files of other shapes, the number of the record
    other VARCHAR(65535) -- keys that are not columns, as one JSON object; NULL if there are none
)
