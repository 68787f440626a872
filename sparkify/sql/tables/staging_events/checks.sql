-- warn: event_is_not_of_the_future
-- An event is more than a day ahead of the load that brought it: a clock was wrong, or the time has another unit.
SELECT event.source_id, event.line, event.ts, newest.finished_at
FROM staging_events AS event
INNER JOIN (
    SELECT
        files.source_id, loads.finished_at,
        cast(extract(EPOCH FROM loads.finished_at) AS BIGINT) * 1000 + 86400000 AS newest_ts
    FROM load_files AS files
    INNER JOIN load_history AS loads ON files.load_id = loads.load_id
) AS newest ON event.source_id = newest.source_id
WHERE event.ts > newest.newest_ts
    AND event.source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
    -- By this alone most blocks are skipped.
    AND event.ts > (SELECT cast(extract(EPOCH FROM min(finished_at)) AS BIGINT) * 1000 FROM load_history);

-- warn: session_lasts_at_most_a_day
-- A session is longer than a day: a clock was wrong, or the session's number was used again.
SELECT event.userId AS user_id, event.sessionId AS session_id, min(event.ts) AS first_ts, max(event.ts) AS last_ts
FROM staging_events AS event
INNER JOIN ( -- touched
    SELECT DISTINCT userId, sessionId FROM staging_events -- touched
    WHERE source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
) AS brought ON event.userId = brought.userId AND event.sessionId = brought.sessionId -- touched
WHERE event.userId IS NOT NULL
GROUP BY event.userId, event.sessionId
HAVING max(event.ts) - min(event.ts) > 86400000;

-- warn: times_are_to_the_millisecond
-- Most times are whole multiples of ten seconds: a spreadsheet may have rounded them, and events lost their order.
SELECT count(*) AS events, sum(CASE WHEN ts % 10000 = 0 THEN 1 ELSE 0 END) AS rounded
FROM staging_events
WHERE source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
HAVING sum(CASE WHEN ts % 10000 = 0 THEN 1 ELSE 0 END) * 2 > count(*);
