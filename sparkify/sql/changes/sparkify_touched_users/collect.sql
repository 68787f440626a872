-- The users of the changed files.
INSERT INTO sparkify_touched_users (
    user_id, ts, moment, first_name, last_name, gender, level, registered_at, span_level, span_from
)
WITH changed_events AS (
    SELECT userId, ts
    FROM staging_events
    WHERE source_id IN (SELECT source_id FROM sparkify_changed_files) AND userId IS NOT NULL
),

changed_users AS (
    SELECT DISTINCT userId FROM changed_events
),

first_moments AS (
    SELECT min(ts) AS ts FROM changed_events
),

changes AS (
    SELECT
        changed_users.userId,
        first_moments.ts,
        TIMESTAMP '1970-01-01 00:00:00'
        + cast((first_moments.ts - first_moments.ts % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
        + cast(first_moments.ts % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS moment
    FROM changed_users
    CROSS JOIN first_moments
)

SELECT
    changes.userId AS user_id,
    changes.ts,
    changes.moment,
    users.first_name,
    users.last_name,
    users.gender,
    users.level,
    users.registered_at,
    span.level AS span_level,
    span.valid_from AS span_from
FROM changes
LEFT JOIN users ON changes.userId = users.user_id
-- At most one: spans follow each other.
LEFT JOIN user_levels AS span
    ON changes.userId = span.user_id
        AND changes.moment > span.valid_from
        AND (changes.moment <= span.valid_to OR span.valid_to IS NULL)
