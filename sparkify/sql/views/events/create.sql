-- Grain: one event, however often it was delivered: a user, session, position in it, moment and page.
-- Source: staging_events. Of copies that differ the least stays, NULLs last: of a play the one that songplays has.
CREATE OR REPLACE VIEW events AS
-- Finding copies takes as long as a question. songplays has every play once: where it has as many as were delivered,
-- no play has a copy, and only the few other events are compared.
WITH repeated_moments AS (
    SELECT sessionId, itemInSession, ts
    FROM staging_events
    WHERE page <> 'NextSong'
        OR (SELECT count(*) FROM staging_events AS play WHERE play.page = 'NextSong') > (SELECT count(*) FROM songplays)
    GROUP BY sessionId, itemInSession, ts
    HAVING count(*) > 1
),

ranked_copies AS (
    SELECT
        event.source_id, event.line,
        row_number() OVER (
            PARTITION BY event.userId, event.sessionId, event.itemInSession, event.ts, event.page
            ORDER BY
                event.song, event.artist, event.length, event.level, event.location, event.userAgent,
                event.auth, event.firstName, event.gender, event.lastName, event.method, event.registration,
                event.status, event.source_id, event.line
        ) AS copy_rank
    FROM staging_events AS event
    INNER JOIN repeated_moments
        ON event.sessionId = repeated_moments.sessionId
            AND event.itemInSession = repeated_moments.itemInSession
            AND event.ts = repeated_moments.ts
),

surplus_copies AS (
    SELECT source_id, line FROM ranked_copies WHERE copy_rank > 1
),

single_events AS (
    SELECT
        event.userId AS user_id,
        event.sessionId AS session_id,
        event.itemInSession AS item_in_session,
        event.ts,
        DATE '1970-01-01' + cast(floor(cast(event.ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS day,
        cast(event.ts % 86400000 AS INTEGER) AS millisecond_of_day,
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
        event.registration
    FROM staging_events AS event
    LEFT JOIN surplus_copies ON event.source_id = surplus_copies.source_id AND event.line = surplus_copies.line
    WHERE surplus_copies.line IS NULL
)

SELECT
    user_id, -- user: users.user_id; NULL while logged out
    session_id, -- session of the user
    item_in_session, -- position of the event in its session, from 0
    cast(day AS TIMESTAMP) + millisecond_of_day * INTERVAL '1 millisecond' AS happened_at, -- when it happened, UTC
    day, -- its day, UTC
    cast(date_trunc('week', day) AS DATE) AS week, -- the Monday of its ISO week, UTC
    cast(extract(DOW FROM day) AS INTEGER) AS weekday, -- its day of the week, 0 = Sunday to 6 = Saturday, UTC
    cast(floor(cast(millisecond_of_day AS DOUBLE PRECISION) / 3600000) AS INTEGER) AS hour, -- its hour, 0 to 23, UTC
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
