-- Grain: one event at a moment of its session for which staging has several records: mostly events with copies.
-- Source: staging_events at repeated_moments. Of the records of an event the smallest counts, NULLs last: for a play,
-- that of songplays.
-- People: first_name, last_name
CREATE OR REPLACE VIEW repeated_events AS
WITH ranked_records AS (
    SELECT
        event.userId, event.sessionId, event.itemInSession, event.ts, event.page, event.level,
        event.auth, event.method, event.status, event.song, event.artist, event.length,
        event.location, event.userAgent, event.firstName, event.lastName, event.gender, event.registration,
        row_number() OVER (
            PARTITION BY event.userId, event.sessionId, event.itemInSession, event.ts, event.page
            ORDER BY
                event.song, event.artist, event.length, event.level, event.location, event.userAgent,
                event.auth, event.firstName, event.gender, event.lastName, event.method, event.registration,
                event.status
        ) AS copy_rank
    FROM staging_events AS event
    INNER JOIN repeated_moments
        ON event.sessionId = repeated_moments.session_id
            AND event.itemInSession = repeated_moments.item_in_session
            AND event.ts = repeated_moments.ts
)

SELECT
    userId AS user_id, -- user: users.user_id; NULL while logged out
    sessionId AS session_id, -- session of the user
    itemInSession AS item_in_session, -- position of the event in its session, from 0
    ts, -- time of the event, in milliseconds since 1970-01-01 UTC
    page, -- page of the app; NextSong is a play
    level, -- subscription at the time of the event: free or paid
    auth, -- authentication state: Logged In, Logged Out, Cancelled, Guest
    method, -- HTTP method of the request
    status, -- HTTP status of the response
    song AS song_title, -- title of the track, as logged
    artist AS artist_name, -- artist of the track, as logged
    length AS song_length, -- length of the track, in seconds
    location, -- metropolitan area of the user
    userAgent AS user_agent, -- user agent of the client, as logged
    firstName AS first_name, -- user's first name
    lastName AS last_name, -- user's last name
    gender, -- user's gender: F or M
    registration -- user's registration, in milliseconds since 1970-01-01 UTC
FROM ranked_records
WHERE copy_rank = 1
