-- Grain: one moment of a session for which staging has several records: copies of an event, or several events.
-- Source: staging_events.
CREATE OR REPLACE VIEW repeated_moments AS
-- Grouping all records takes as long as a question. songplays has every play once: if it has as many rows as plays were
-- delivered, no play has a copy, and only the few other events are grouped.
SELECT
    sessionId AS session_id, -- session of the user
    itemInSession AS item_in_session, -- position of the event in its session, from 0
    ts -- time of the event, in milliseconds since 1970-01-01 UTC
FROM staging_events
WHERE page <> 'NextSong'
    OR (SELECT count(*) FROM staging_events AS play WHERE play.page = 'NextSong') > (SELECT count(*) FROM songplays)
GROUP BY sessionId, itemInSession, ts
HAVING count(*) > 1
