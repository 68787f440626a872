-- One row per play: copies reduced to the least; song and artist matched by title and name, exact before similar.
-- The milliseconds are split into days and the rest: both fit the integers that engines multiply intervals by.
INSERT INTO songplays (
    songplay_id, start_time, user_id, level, song_id, artist_id, session_id, location, user_agent, item_in_session,
    song_title, artist_name, song_length, match
)
-- Few plays have copies: only those are ranked. Of equal copies any may be the first.
WITH copied_plays AS (
    SELECT event.userId, event.sessionId, event.itemInSession, event.ts
    FROM staging_events AS event
    INNER JOIN ( -- touched
        SELECT DISTINCT user_id, session_id, item_in_session, ts FROM sparkify_touched_plays -- touched
    ) AS touched -- touched
        ON event.userId = touched.user_id -- touched
            AND event.sessionId = touched.session_id -- touched
            AND event.itemInSession = touched.item_in_session -- touched
            AND event.ts = touched.ts -- touched
    WHERE event.page = 'NextSong'
        AND event.ts >= (SELECT min(ts) FROM sparkify_touched_plays) -- touched
        AND event.ts <= (SELECT max(ts) FROM sparkify_touched_plays) -- touched
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
        -- The join alone does not show which blocks to skip.
        AND event.ts >= (SELECT min(ts) FROM sparkify_touched_plays) -- touched
        AND event.ts <= (SELECT max(ts) FROM sparkify_touched_plays) -- touched
),

single_plays AS (
    SELECT
        event.userId, event.sessionId, event.itemInSession, event.ts,
        event.song, event.artist, event.length, event.level, event.location, event.userAgent
    FROM staging_events AS event
    INNER JOIN ( -- touched
        SELECT DISTINCT user_id, session_id, item_in_session, ts FROM sparkify_touched_plays -- touched
    ) AS touched -- touched
        ON event.userId = touched.user_id -- touched
            AND event.sessionId = touched.session_id -- touched
            AND event.itemInSession = touched.item_in_session -- touched
            AND event.ts = touched.ts -- touched
    LEFT JOIN copied_plays
        ON event.userId = copied_plays.userId
            AND event.sessionId = copied_plays.sessionId
            AND event.itemInSession = copied_plays.itemInSession
            AND event.ts = copied_plays.ts
    WHERE event.page = 'NextSong'
        AND event.ts >= (SELECT min(ts) FROM sparkify_touched_plays) -- touched
        AND event.ts <= (SELECT max(ts) FROM sparkify_touched_plays) -- touched
        AND copied_plays.ts IS NULL
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
    INNER JOIN ( -- touched
        SELECT DISTINCT user_id, session_id, item_in_session, ts FROM sparkify_touched_plays -- touched
    ) AS touched -- touched
        ON event.userId = touched.user_id -- touched
            AND event.sessionId = touched.session_id -- touched
            AND event.itemInSession = touched.item_in_session -- touched
            AND event.ts = touched.ts -- touched
    WHERE event.page = 'NextSong'
        AND event.ts >= (SELECT min(ts) FROM sparkify_touched_plays) -- touched
        AND event.ts <= (SELECT max(ts) FROM sparkify_touched_plays) -- touched
),

normalized_tracks AS (
    SELECT tracks.song, tracks.artist, tracks.length, titles.normalized AS title_form, names.normalized AS name_form
    FROM tracks
    INNER JOIN normalized_texts AS titles ON tracks.song = titles.text
    INNER JOIN normalized_texts AS names ON tracks.artist = names.text
),

normalized_songs AS (
    SELECT
        catalogue.song_id, catalogue.artist_id, catalogue.duration,
        titles.normalized AS title_form, names.normalized AS name_form
    FROM staging_songs AS catalogue
    INNER JOIN normalized_texts AS titles ON catalogue.title = titles.text
    INNER JOIN normalized_texts AS names ON catalogue.artist_name = names.text
),

song_candidates AS (
    SELECT
        tracks.song, tracks.artist, tracks.length, catalogue.song_id, catalogue.artist_id,
        'exact' AS kind, abs(catalogue.duration - tracks.length) AS distance
    FROM tracks
    INNER JOIN staging_songs AS catalogue ON tracks.song = catalogue.title AND tracks.artist = catalogue.artist_name
    UNION ALL
    SELECT
        track.song, track.artist, track.length, catalogue.song_id, catalogue.artist_id,
        'similar' AS kind, abs(catalogue.duration - track.length) AS distance
    FROM normalized_tracks AS track
    INNER JOIN normalized_songs AS catalogue
        ON track.title_form = catalogue.title_form AND track.name_form = catalogue.name_form
    WHERE track.length IS NULL OR catalogue.duration IS NULL OR abs(catalogue.duration - track.length) <= 10
),

-- By the alphabet exact comes before similar.
ranked_songs AS (
    SELECT
        song, artist, length, song_id, artist_id, kind,
        row_number() OVER (PARTITION BY song, artist, length ORDER BY kind, distance, song_id, artist_id) AS match_rank
    FROM song_candidates
),

song_matches AS (
    SELECT song, artist, length, song_id, artist_id, kind FROM ranked_songs WHERE match_rank = 1
),

artists_played AS (
    SELECT DISTINCT artist FROM tracks
),

artist_candidates AS (
    SELECT artists_played.artist, catalogue.artist_id AS exact_id, cast(NULL AS VARCHAR(1024)) AS similar_id
    FROM artists_played
    INNER JOIN staging_songs AS catalogue ON artists_played.artist = catalogue.artist_name
    UNION ALL
    SELECT artists_played.artist, cast(NULL AS VARCHAR(1024)) AS exact_id, catalogue.artist_id AS similar_id
    FROM artists_played
    INNER JOIN normalized_texts AS names ON artists_played.artist = names.text
    INNER JOIN normalized_songs AS catalogue ON names.normalized = catalogue.name_form
),

artist_matches AS (
    SELECT artist, coalesce(min(exact_id), min(similar_id)) AS artist_id
    FROM artist_candidates
    GROUP BY artist
),

-- One join with the plays: of two, DuckDB turns one round, and a single thread does the work.
track_matches AS (
    SELECT
        tracks.song, tracks.artist, tracks.length,
        song_matches.song_id,
        coalesce(song_matches.artist_id, artist_matches.artist_id) AS artist_id,
        coalesce(song_matches.kind, CASE WHEN artist_matches.artist_id IS NOT NULL THEN 'artist' END) AS kind
    FROM tracks
    LEFT JOIN song_matches
        ON tracks.song = song_matches.song
            AND tracks.artist = song_matches.artist
            AND (tracks.length = song_matches.length OR (tracks.length IS NULL AND song_matches.length IS NULL))
    LEFT JOIN artist_matches ON tracks.artist = artist_matches.artist
    WHERE song_matches.song_id IS NOT NULL OR artist_matches.artist_id IS NOT NULL
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
    track_matches.song_id,
    track_matches.artist_id,
    event.sessionId AS session_id,
    event.location,
    event.userAgent AS user_agent,
    event.itemInSession AS item_in_session,
    event.song AS song_title,
    event.artist AS artist_name,
    event.length AS song_length,
    track_matches.kind AS match
FROM single_plays AS event
LEFT JOIN track_matches
    ON event.song = track_matches.song
        AND event.artist = track_matches.artist
        AND (event.length = track_matches.length OR (event.length IS NULL AND track_matches.length IS NULL))
