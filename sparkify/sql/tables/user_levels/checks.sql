-- fail: span_is_not_null = not_null(user_id, level, valid_from)
-- Redshift declares keys but does not enforce them.

-- fail: user_is_found = found(user_id, users)
-- An analyst's join to users must not lose spans.

-- fail: spans_follow_each_other
-- A span ends where the user's next one begins, so that no two overlap; only the last one is open.
SELECT user_id, level, valid_from, valid_to, next_from
FROM (
    SELECT
        user_id, level, valid_from, valid_to,
        lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, valid_to) AS next_from
    FROM user_levels
    WHERE user_id IN (SELECT user_id FROM sparkify_touched_users) -- touched
) AS spans
WHERE valid_to <> next_from
    OR (valid_to IS NULL AND next_from IS NOT NULL)
    OR (valid_to IS NOT NULL AND next_from IS NULL);

-- fail: last_span_is_the_latest_level
-- Each user with a level has spans, and the open one has the latest level.
SELECT users.user_id, users.level, span.level AS level_of_span
FROM users
LEFT JOIN user_levels AS span ON users.user_id = span.user_id AND span.valid_to IS NULL
WHERE users.user_id IS NOT NULL
    AND users.user_id IN (SELECT user_id FROM sparkify_touched_users) -- touched
    AND (
        users.level <> span.level
        OR (users.level IS NULL AND span.level IS NOT NULL)
        OR (users.level IS NOT NULL AND span.level IS NULL)
    );

-- warn: play_has_the_level_of_its_span
-- A play's own level differs from that of its user at this moment: two events of one moment disagree.
SELECT play.songplay_id, play.user_id, play.start_time, play.level, span.level AS level_of_span
FROM songplays AS play
INNER JOIN user_levels AS span
    ON play.user_id = span.user_id
        AND play.start_time >= span.valid_from
        AND (play.start_time < span.valid_to OR span.valid_to IS NULL)
WHERE play.level <> span.level
    -- The last event up to a play is at its moment: no event of another moment makes it disagree.
    AND play.user_id IN (SELECT user_id FROM sparkify_touched_users) -- touched
    AND play.start_time >= ( -- touched
        SELECT -- touched
            TIMESTAMP '1970-01-01 00:00:00' -- touched
            + cast((min(ts) - min(ts) % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day' -- touched
            + cast(min(ts) % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS first_moment -- touched
        FROM staging_events WHERE source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
    ) -- touched
    AND play.start_time <= ( -- touched
        SELECT -- touched
            TIMESTAMP '1970-01-01 00:00:00' -- touched
            + cast((max(ts) - max(ts) % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day' -- touched
            + cast(max(ts) % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS last_moment -- touched
        FROM staging_events WHERE source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
    ) -- touched
    -- The plays of a user who always had one level agree.
    AND span.user_id IN (SELECT user_id FROM user_levels WHERE valid_to IS NOT NULL);
