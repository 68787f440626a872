-- Grain: one play, which is one natural key (user_id, session_id, item_in_session, start_time).
-- Source: staging_events with page NextSong; song_id and artist_id by the match with staging_songs, exact or by
-- normalized_texts.
-- Keys: PRIMARY KEY (songplay_id), FOREIGN KEY (user_id) REFERENCES users (user_id),
-- FOREIGN KEY (song_id) REFERENCES songs (song_id), FOREIGN KEY (artist_id) REFERENCES artists (artist_id),
-- FOREIGN KEY (start_time) REFERENCES time (start_time)
-- Redshift: DISTSTYLE KEY DISTKEY (start_time) SORTKEY (start_time)
-- Uncompressed: songplay_id
-- Why: analysts ask for spans of time. time is as long as songplays: distributed and sorted alike, the two are joined
-- within each slice. Nearly every play has a moment of its own, so moments spread evenly. song_id is NULL for most plays:
-- distributed by it, they would pile up on one slice. The digest is half as long under ZSTD, which Redshift uses; the
-- embedded engine does not compress it, so that a load does not try.
CREATE TABLE IF NOT EXISTS songplays (
    songplay_id CHAR(32) NOT NULL, -- MD5 of the natural key: the same on every load and engine
    start_time TIMESTAMP NOT NULL, -- when the play began, UTC, to the millisecond: time.start_time
    user_id INTEGER NOT NULL, -- who played: users.user_id
    level VARCHAR(1024), -- subscription at the time of the play: free or paid
    song_id VARCHAR(1024), -- matched song: songs.song_id; NULL where the catalogue has none
    artist_id VARCHAR(1024), -- matched artist: artists.artist_id; NULL where the catalogue has none
    session_id INTEGER NOT NULL, -- session of the user
    location VARCHAR(1024), -- metropolitan area of the user
    user_agent VARCHAR(1024), -- user agent of the client, as logged
    item_in_session INTEGER NOT NULL, -- position of the play in its session, from 0
    song_title VARCHAR(1024) NOT NULL, -- title as logged, matched or not
    artist_name VARCHAR(1024) NOT NULL, -- artist as logged, matched or not
    song_length DOUBLE PRECISION, -- length of the track as logged, in seconds
    match VARCHAR(16) -- how it was matched: exact, similar (by normalized texts), artist (no song); NULL where not at all
)
