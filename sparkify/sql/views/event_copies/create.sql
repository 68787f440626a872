-- Grain: one record of staging_events that is a copy: its event is counted by another record.
-- Source: staging_events. Of the records of an event the smallest counts, NULLs last: for a play, that of songplays.
CREATE OR REPLACE VIEW event_copies AS
-- Finding copies takes as long as a question. songplays has every play once: if it has as many rows as plays were
-- delivered, no play has a copy, and only the few other events are compared.
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
)

SELECT
    source_id, -- file that the record came from: load_files.source_id
    line -- physical line of that file, from 1
FROM ranked_copies
WHERE copy_rank > 1
