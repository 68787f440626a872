-- Proves: natural_key_is_unique, plays_are_those_staged.
-- A pair is a staged play and a row of songplays with its key. If every staged play and every row is in a pair, none was
-- lost and none has no origin. If there are then as many pairs as staged plays, no key has two rows.
SELECT joined.pairs, joined.with_staged, joined.with_play, delivered.plays
FROM (
    SELECT count(*) AS pairs, count(staged.user_id) AS with_staged, count(play.user_id) AS with_play
    FROM (
        SELECT
            userId AS user_id, sessionId AS session_id, itemInSession AS item_in_session,
            TIMESTAMP '1970-01-01 00:00:00'
            + cast((ts - ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
            + cast(ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS start_time
        FROM staging_events
        WHERE page = 'NextSong'
            AND ts IN (SELECT ts FROM sparkify_touched_plays) -- touched
    ) AS staged
    FULL OUTER JOIN (
        SELECT user_id, session_id, item_in_session, start_time
        FROM songplays
        WHERE start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
    ) AS play
        ON staged.user_id = play.user_id
            AND staged.session_id = play.session_id
            AND staged.item_in_session = play.item_in_session
            AND staged.start_time = play.start_time
) AS joined
CROSS JOIN (
    SELECT count(*) AS plays
    FROM staging_events
    WHERE page = 'NextSong'
        AND ts IN (SELECT ts FROM sparkify_touched_plays) -- touched
) AS delivered
WHERE joined.with_staged <> joined.pairs
    OR joined.with_play <> joined.pairs
    OR delivered.plays <> joined.pairs
