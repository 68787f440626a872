-- Grain: one loaded event record. A record delivered in two files has two rows.
-- Source: log data (eventsim), under the keys of the source; rejected records are left out.
-- Redshift: DISTSTYLE EVEN SORTKEY (source_id)
-- People: firstName, lastName, other
-- Why: rows come and go by file, so they are sorted by it; no column is worth distributing by.
CREATE TABLE IF NOT EXISTS staging_events (
    artist VARCHAR(1024), -- artist of the track, as logged
    auth VARCHAR(1024), -- authentication state: Logged In, Logged Out, Cancelled, Guest
    firstName VARCHAR(1024), -- user's first name
    gender VARCHAR(1024), -- user's gender: F or M
    itemInSession INTEGER NOT NULL, -- position of the event in its session, from 0
    lastName VARCHAR(1024), -- user's last name
    length DOUBLE PRECISION, -- length of the track, in seconds
    level VARCHAR(1024), -- subscription at the time of the event: free or paid
    location VARCHAR(1024), -- metropolitan area of the user
    method VARCHAR(1024), -- HTTP method of the request
    page VARCHAR(1024) NOT NULL, -- page of the app; NextSong is a play
    registration BIGINT, -- user's registration, in milliseconds since 1970-01-01 UTC
    sessionId INTEGER NOT NULL, -- session of the user
    song VARCHAR(1024), -- title of the track, as logged
    status INTEGER, -- HTTP status of the response
    ts BIGINT NOT NULL, -- time of the event, in milliseconds since 1970-01-01 UTC
    userAgent VARCHAR(1024), -- user agent of the client, as logged
    userId INTEGER, -- user; NULL while logged out
    source_id INTEGER NOT NULL, -- file the record came from: load_files.source_id
    line INTEGER NOT NULL, -- physical line of that file, from 1; in files of other shapes, the number of the record
    other VARCHAR(65535) -- keys that are not columns, as one JSON object; NULL if there are none
)
