-- Grain: one event, even if it was delivered several times: a user, session, position in it, moment and page.
-- Source: staging_events, with the records at repeated_moments replaced by repeated_events.
-- People: first_name, last_name
CREATE OR REPLACE VIEW events AS
WITH single_events AS (
    SELECT
        event.userId AS user_id,
        event.sessionId AS session_id,
        event.itemInSession AS item_in_session,
        event.ts,
        event.page,
        event.level,
        event.auth,
        event.method,
        event.status,
        event.song AS song_title,
        event.artist AS artist_name,
        event.length AS song_length,
        event.location,
        event.userAgent AS user_agent,
        event.firstName AS first_name,
        event.lastName AS last_name,
        event.gender,
        event.registration,
        DATE '1970-01-01' + cast(floor(cast(event.ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS day,
        cast(event.ts % 86400000 AS INTEGER) AS millisecond_of_day
    FROM staging_events AS event
    LEFT JOIN repeated_moments
        ON event.sessionId = repeated_moments.session_id
            AND event.itemInSession = repeated_moments.item_in_session
            AND event.ts = repeated_moments.ts
    WHERE repeated_moments.ts IS NULL
    UNION ALL
    SELECT
        user_id, session_id, item_in_session, ts, page, level,
        auth, method, status, song_title, artist_name, song_length,
        location, user_agent, first_name, last_name, gender, registration,
        DATE '1970-01-01' + cast(floor(cast(ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS day,
        cast(ts % 86400000 AS INTEGER) AS millisecond_of_day
    FROM repeated_events
)

SELECT
    user_id, -- user: users.user_id; NULL while logged out
    session_id, -- session of the user
    item_in_session, -- position of the event in its session, from 0
    cast(day AS TIMESTAMP) + millisecond_of_day * INTERVAL '1 millisecond' AS happened_at, -- when it happened, UTC
    day, -- day of the event, UTC
    cast(date_trunc('week', day) AS DATE) AS week, -- Monday of its ISO week, UTC
    cast(extract(DOW FROM day) AS INTEGER) AS weekday, -- day of the week, 0 = Sunday to 6 = Saturday, UTC
    cast(floor(cast(millisecond_of_day AS DOUBLE PRECISION) / 3600000) AS INTEGER) AS hour, -- hour of the day, 0 to 23, UTC
    ts, -- happened_at in milliseconds since 1970-01-01 UTC, to calculate with
    page, -- page of the app; NextSong is a play
    level, -- subscription at the time of the event: free or paid
    auth, -- authentication state: Logged In, Logged Out, Cancelled, Guest
    method, -- HTTP method of the request
    status, -- HTTP status of the response
    song_title, -- title of the track, as logged
    artist_name, -- artist of the track, as logged
    song_length, -- length of the track, in seconds
    location, -- metropolitan area of the user
    user_agent, -- user agent of the client, as logged
    first_name, -- user's first name
    last_name, -- user's last name
    gender, -- user's gender: F or M
    registration -- user's registration, in milliseconds since 1970-01-01 UTC
FROM single_events
