-- The users of the changed files.
INSERT INTO touched_users (user_id)
SELECT DISTINCT userId AS user_id
FROM staging_events
WHERE source_id IN (SELECT source_id FROM changed_files) AND userId IS NOT NULL
