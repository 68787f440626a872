-- One row per play: copies reduced to the least, song and artist matched exactly by title and name.
-- The milliseconds are split into days and the rest: both fit the integers that engines multiply intervals by.
INSERT INTO songplays (
    songplay_id, start_time, user_id, level, song_id, artist_id, session_id, location, user_agent, item_in_session,
    song_title, artist_name, song_length
)
-- Few plays have copies: only those are ranked. Of equal copies any may be the first.
WITH copied_plays AS (
    SELECT event.userId, event.sessionId, event.itemInSession, event.ts
    FROM staging_events AS event
    WHERE event.page = 'NextSong'
        AND EXISTS ( -- touched
            SELECT 1 FROM touched_plays -- touched
            WHERE touched_plays.ts = event.ts -- touched
                AND touched_plays.user_id = event.userId -- touched
                AND touched_plays.session_id = event.sessionId -- touched
                AND touched_plays.item_in_session = event.itemInSession -- touched
        ) -- touched
    GROUP BY event.userId, event.sessionId, event.itemInSession, event.ts
    HAVING count(*) > 1
),

ranked_copies AS (
    SELECT
        event.userId, event.sessionId, event.itemInSession, event.ts,
        event.song, event.artist, event.length, event.level, event.location, event.userAgent,
        row_number() OVER (
            PARTITION BY event.userId, event.sessionId, event.itemInSession, event.ts
            ORDER BY event.song, event.artist, event.length, event.level, event.location, event.userAgent
        ) AS copy_rank
    FROM staging_events AS event
    INNER JOIN copied_plays
        ON event.userId = copied_plays.userId
            AND event.sessionId = copied_plays.sessionId
            AND event.itemInSession = copied_plays.itemInSession
            AND event.ts = copied_plays.ts
    WHERE event.page = 'NextSong'
        -- Where no play has copies, the join alone does not show which blocks to skip.
        AND event.ts >= (SELECT min(ts) FROM touched_plays) -- touched
        AND event.ts <= (SELECT max(ts) FROM touched_plays) -- touched
),

single_plays AS (
    SELECT
        event.userId, event.sessionId, event.itemInSession, event.ts,
        event.song, event.artist, event.length, event.level, event.location, event.userAgent
    FROM staging_events AS event
    LEFT JOIN copied_plays
        ON event.userId = copied_plays.userId
            AND event.sessionId = copied_plays.sessionId
            AND event.itemInSession = copied_plays.itemInSession
            AND event.ts = copied_plays.ts
    WHERE event.page = 'NextSong'
        AND copied_plays.ts IS NULL
        AND EXISTS ( -- touched
            SELECT 1 FROM touched_plays -- touched
            WHERE touched_plays.ts = event.ts -- touched
                AND touched_plays.user_id = event.userId -- touched
                AND touched_plays.session_id = event.sessionId -- touched
                AND touched_plays.item_in_session = event.itemInSession -- touched
        ) -- touched
    UNION ALL
    SELECT
        userId, sessionId, itemInSession, ts,
        song, artist, length, level, location, userAgent
    FROM ranked_copies
    WHERE copy_rank = 1
),

tracks AS (
    SELECT DISTINCT event.song, event.artist, event.length
    FROM staging_events AS event
    WHERE event.page = 'NextSong'
        AND EXISTS ( -- touched
            SELECT 1 FROM touched_plays -- touched
            WHERE touched_plays.ts = event.ts -- touched
                AND touched_plays.user_id = event.userId -- touched
                AND touched_plays.session_id = event.sessionId -- touched
                AND touched_plays.item_in_session = event.itemInSession -- touched
        ) -- touched
),

ranked_matches AS (
    SELECT
        tracks.song, tracks.artist, tracks.length, catalogue.song_id, catalogue.artist_id,
        row_number() OVER (
            PARTITION BY tracks.song, tracks.artist, tracks.length
            ORDER BY abs(catalogue.duration - tracks.length), catalogue.song_id, catalogue.artist_id
        ) AS match_rank
    FROM tracks
    INNER JOIN staging_songs AS catalogue ON tracks.song = catalogue.title AND tracks.artist = catalogue.artist_name
),

matches AS (
    SELECT song, artist, length, song_id, artist_id FROM ranked_matches WHERE match_rank = 1
)

SELECT
    md5(
        cast(event.userId AS VARCHAR) || '|' || cast(event.sessionId AS VARCHAR) || '|'
        || cast(event.itemInSession AS VARCHAR) || '|' || cast(event.ts AS VARCHAR)
    ) AS songplay_id,
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((event.ts - event.ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(event.ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS start_time,
    event.userId AS user_id,
    event.level,
    matches.song_id,
    matches.artist_id,
    event.sessionId AS session_id,
    event.location,
    event.userAgent AS user_agent,
    event.itemInSession AS item_in_session,
    event.song AS song_title,
    event.artist AS artist_name,
    event.length AS song_length
FROM single_plays AS event
LEFT JOIN matches
    ON event.song = matches.song
        AND event.artist = matches.artist
        AND (event.length = matches.length OR (event.length IS NULL AND matches.length IS NULL))
