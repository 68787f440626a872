-- One row per run of events of a user with one level, in the order (ts, sessionId, itemInSession, level).
-- A refresh begins with the user's first change: the span that it is in counts as an event right before it.
INSERT INTO user_levels (user_id, level, valid_from, valid_to)
WITH
first_changes AS ( -- touched
    SELECT user_id, min(ts) AS ts, min(moment) AS moment -- touched
    FROM sparkify_touched_users -- touched
    GROUP BY user_id -- touched
), -- touched

begun_spans AS ( -- touched
    SELECT DISTINCT -- touched
        sparkify_touched_users.user_id, first_changes.ts - 1 AS ts, sparkify_touched_users.span_level, sparkify_touched_users.span_from -- touched
    FROM sparkify_touched_users -- touched
    INNER JOIN first_changes ON sparkify_touched_users.user_id = first_changes.user_id -- touched
    WHERE sparkify_touched_users.span_from < first_changes.moment -- touched
), -- touched

user_events AS (
    SELECT event.userId, event.ts, event.sessionId, event.itemInSession, event.level
    FROM staging_events AS event
    INNER JOIN first_changes ON event.userId = first_changes.user_id AND event.ts >= first_changes.ts -- touched
    WHERE event.userId IS NOT NULL
        AND event.level IS NOT NULL
        -- By this alone most blocks are skipped. -- touched
        AND event.ts >= (SELECT min(ts) FROM sparkify_touched_users) -- touched
    UNION ALL -- touched
    SELECT user_id AS userId, ts, 0 AS sessionId, 0 AS itemInSession, span_level AS level -- touched
    FROM begun_spans -- touched
),

first_events AS (
    SELECT userId, min(ts) AS ts, min(level) AS level, max(level) AS other_level
    FROM user_events
    GROUP BY userId
),

-- Most users have one level: only the events of the others need an order.
ordered_events AS (
    SELECT
        event.userId, event.ts, event.sessionId, event.itemInSession, event.level,
        lag(event.level) OVER (
            PARTITION BY event.userId ORDER BY event.ts, event.sessionId, event.itemInSession, event.level
        ) AS level_before
    FROM user_events AS event
    INNER JOIN first_events ON event.userId = first_events.userId
    WHERE first_events.level <> first_events.other_level
),

spans AS (
    SELECT
        userId, level, ts,
        lead(ts) OVER (PARTITION BY userId ORDER BY ts, sessionId, itemInSession, level) AS next_ts
    FROM ordered_events
    WHERE level_before IS NULL OR level_before <> level
    UNION ALL
    SELECT userId, level, ts, cast(NULL AS BIGINT) AS next_ts
    FROM first_events
    WHERE level = other_level
)

SELECT
    spans.userId AS user_id,
    spans.level,
    coalesce( -- touched
        begun_spans.span_from, -- touched
        TIMESTAMP '1970-01-01 00:00:00'
        + cast((spans.ts - spans.ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
        + cast(spans.ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond'
    ) -- touched
        AS valid_from,
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((spans.next_ts - spans.next_ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(spans.next_ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS valid_to
FROM spans
LEFT JOIN begun_spans ON spans.userId = begun_spans.user_id AND spans.ts = begun_spans.ts -- touched
