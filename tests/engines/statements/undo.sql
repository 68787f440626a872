SELECT 'table' AS kind, tablename AS name FROM pg_tables WHERE schemaname = current_schema()
UNION ALL
SELECT 'view' AS kind, viewname AS name FROM pg_views WHERE schemaname = current_schema();

SELECT cast(layout AS INTEGER), star, program FROM warehouse_version;

SELECT 'table' AS kind, tablename AS name FROM pg_tables WHERE schemaname = current_schema()
UNION ALL
SELECT 'view' AS kind, viewname AS name FROM pg_views WHERE schemaname = current_schema();

SELECT cast(layout AS INTEGER), star, program FROM warehouse_version;

BEGIN;

SET statement_timeout TO 10000;

LOCK load_lock;

RESET statement_timeout;

SELECT status FROM load_history WHERE load_id = 2;

SELECT source_id, url, loaded, rejected FROM load_files
    WHERE status = 'loaded' AND load_id = 2 ORDER BY source_id;

SELECT coalesce(sum(loaded), 0) FROM load_files WHERE status = 'loaded';

SELECT url FROM load_files WHERE superseded_by = 2;

-- changes/sparkify_changed_files/create.sql

INSERT INTO sparkify_changed_files (source_id)
VALUES ($1);

SELECT count(*) FROM staging_songs WHERE (source_id BETWEEN 4 AND 5 AND source_id IN (SELECT source_id FROM sparkify_changed_files));

-- changes/sparkify_touched_plays/create.sql

-- changes/sparkify_touched_plays/collect.sql, only what was touched

-- changes/sparkify_touched_users/create.sql

-- changes/sparkify_touched_users/collect.sql, only what was touched

-- changes/sparkify_touched_names/create.sql

-- changes/sparkify_touched_names/collect.sql, only what was touched

-- changes/sparkify_touched_plays/collect_named.sql

-- changes/sparkify_touched_songs/create.sql

-- changes/sparkify_touched_songs/collect.sql, only what was touched

-- changes/sparkify_touched_artists/create.sql

-- changes/sparkify_touched_artists/collect.sql, only what was touched

DELETE FROM sparkify_changed_files;

INSERT INTO sparkify_changed_files (source_id)
VALUES ($1);

DELETE FROM staging_events WHERE (source_id BETWEEN 4 AND 5 AND source_id IN (SELECT source_id FROM sparkify_changed_files));

DELETE FROM staging_songs WHERE (source_id BETWEEN 4 AND 5 AND source_id IN (SELECT source_id FROM sparkify_changed_files));

DELETE FROM rejected_records WHERE (source_id BETWEEN 4 AND 5 AND source_id IN (SELECT source_id FROM sparkify_changed_files));

UPDATE load_files SET status = 'undone' WHERE source_id IN (SELECT source_id FROM sparkify_changed_files);

UPDATE load_history SET status = 'undone' WHERE load_id = 2;

ANALYZE sparkify_touched_plays;

ANALYZE sparkify_touched_users;

SELECT 'sparkify_touched_users' AS name, min(ts), max(ts), min(moment), max(moment) FROM sparkify_touched_users UNION ALL SELECT 'sparkify_touched_plays' AS name, min(ts), max(ts), min(start_time), max(start_time) FROM sparkify_touched_plays;

-- tables/songplays/delete.sql, only what was touched

-- tables/songplays/load.sql, only what was touched

-- tables/user_levels/delete.sql, only what was touched

-- tables/user_levels/load.sql, only what was touched

-- tables/users/delete.sql, only what was touched

-- tables/users/load.sql, only what was touched

-- tables/songs/delete.sql, only what was touched

-- tables/songs/load.sql, only what was touched

-- tables/artists/delete.sql, only what was touched

-- tables/artists/load.sql, only what was touched

-- tables/time/delete.sql, only what was touched

-- tables/time/load.sql, only what was touched

-- 10 checks of severity fail: plays, only what was touched

-- 16 checks of severity fail: staging and dimensions, only what was touched

-- 8 checks of severity fail: ledger, only what was touched

COMMIT;

SELECT 0 AS place, count(*) AS found FROM staging_events
UNION ALL
SELECT 1 AS place, count(*) AS found FROM staging_songs
UNION ALL
SELECT 2 AS place, count(*) AS found FROM normalized_texts
UNION ALL
SELECT 3 AS place, count(*) AS found FROM songplays
UNION ALL
SELECT 4 AS place, count(*) AS found FROM user_levels
UNION ALL
SELECT 5 AS place, count(*) AS found FROM users
UNION ALL
SELECT 6 AS place, count(*) AS found FROM songs
UNION ALL
SELECT 7 AS place, count(*) AS found FROM artists
UNION ALL
SELECT 8 AS place, count(*) AS found FROM time
UNION ALL
SELECT 9 AS place, count(*) AS found FROM load_history
UNION ALL
SELECT 10 AS place, count(*) AS found FROM load_files
UNION ALL
SELECT 11 AS place, count(*) AS found FROM rejected_records;
