-- One row per play: copies reduced to the least, song and artist matched exactly by title and name.
-- The milliseconds are split into days and the rest: both fit the integers that engines multiply intervals by.
INSERT INTO songplays (
    songplay_id, start_time, user_id, level, song_id, artist_id, session_id, location, user_agent, item_in_session,
    song_title, artist_name, song_length
)
WITH play_events AS (
    SELECT
        event.userId, event.sessionId, event.itemInSession, event.ts,
        event.song, event.artist, event.length, event.level, event.location, event.userAgent
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

-- Few plays have copies: only those are ranked, the others pass as they are.
copied_plays AS (
    SELECT userId, sessionId, itemInSession, ts
    FROM play_events
    GROUP BY userId, sessionId, itemInSession, ts
    HAVING count(*) > 1
),

ranked_copies AS (
    SELECT
        play.*,
        row_number() OVER (
            PARTITION BY play.userId, play.sessionId, play.itemInSession, play.ts
            ORDER BY play.song, play.artist, play.length, play.level, play.location, play.userAgent
        ) AS copy_rank
    FROM play_events AS play
    INNER JOIN copied_plays
        ON play.userId = copied_plays.userId
            AND play.sessionId = copied_plays.sessionId
            AND play.itemInSession = copied_plays.itemInSession
            AND play.ts = copied_plays.ts
),

plays AS (
    SELECT userId, sessionId, itemInSession, ts, song, artist, length, level, location, userAgent
    FROM play_events AS play
    WHERE NOT EXISTS (
        SELECT 1 FROM copied_plays
        WHERE copied_plays.userId = play.userId
            AND copied_plays.sessionId = play.sessionId
            AND copied_plays.itemInSession = play.itemInSession
            AND copied_plays.ts = play.ts
    )
    UNION ALL
    SELECT userId, sessionId, itemInSession, ts, song, artist, length, level, location, userAgent
    FROM ranked_copies
    WHERE copy_rank = 1
),

tracks AS (
    SELECT DISTINCT song, artist, length FROM plays
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
        cast(play.userId AS VARCHAR) || '|' || cast(play.sessionId AS VARCHAR) || '|'
        || cast(play.itemInSession AS VARCHAR) || '|' || cast(play.ts AS VARCHAR)
    ) AS songplay_id,
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((play.ts - play.ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(play.ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS start_time,
    play.userId AS user_id,
    play.level,
    matches.song_id,
    matches.artist_id,
    play.sessionId AS session_id,
    play.location,
    play.userAgent AS user_agent,
    play.itemInSession AS item_in_session,
    play.song AS song_title,
    play.artist AS artist_name,
    play.length AS song_length
FROM plays AS play
LEFT JOIN matches
    ON play.song = matches.song
        AND play.artist = matches.artist
        AND (play.length = matches.length OR (play.length IS NULL AND matches.length IS NULL))
