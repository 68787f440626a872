-- Grain: one play.
-- Source: songplays with columns of users, songs and artists; NULL if the catalogue has no match. A play without a song
-- may have an artist.
CREATE OR REPLACE VIEW plays AS
SELECT
    songplays.songplay_id, -- MD5 of the natural key: the same on every load and engine
    songplays.start_time, -- when the play began, UTC, to the millisecond
    cast(songplays.start_time AS DATE) AS day, -- day of the play, UTC
    cast(date_trunc('week', songplays.start_time) AS DATE) AS week, -- Monday of its ISO week, UTC
    cast(extract(DOW FROM songplays.start_time) AS INTEGER) AS weekday, -- day of the week, 0 = Sunday to 6 = Saturday, UTC
    cast(extract(HOUR FROM songplays.start_time) AS INTEGER) AS hour, -- hour of the day, 0 to 23, UTC
    songplays.user_id, -- who played: users.user_id
    users.gender, -- user's gender: F or M
    users.level AS latest_level, -- user's latest subscription: free or paid
    users.registered_at, -- when the user registered, UTC
    songplays.level, -- subscription at the time of the play: free or paid
    songplays.session_id, -- session of the user
    songplays.item_in_session, -- position of the play in its session, from 0
    songplays.match, -- how it was matched: exact, similar, artist (no song); NULL where not at all
    songplays.song_id, -- matched song: songs.song_id
    songs.title AS catalogue_title, -- title of the matched song
    songs.year AS song_year, -- year of release of the matched song
    songs.duration AS song_duration, -- length of the matched recording, in seconds
    songplays.artist_id, -- matched artist: artists.artist_id
    artists.name AS catalogue_artist, -- name of the matched artist
    artists.location AS artist_location, -- location of the matched artist
    artists.latitude AS artist_latitude, -- latitude of the matched artist in degrees
    artists.longitude AS artist_longitude, -- longitude of the matched artist in degrees
    songplays.location, -- metropolitan area of the user
    songplays.user_agent, -- user agent of the client, as logged
    songplays.song_title, -- title as logged, matched or not
    songplays.artist_name, -- artist as logged, matched or not
    songplays.song_length -- length of the track as logged, in seconds
FROM songplays
LEFT JOIN users ON songplays.user_id = users.user_id
LEFT JOIN songs ON songplays.song_id = songs.song_id
LEFT JOIN artists ON songplays.artist_id = artists.artist_id
