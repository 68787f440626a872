SELECT viewname FROM pg_views WHERE schemaname = current_schema();

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

SELECT cast(layout AS INTEGER), star, program FROM warehouse_version;

SELECT viewname FROM pg_views WHERE schemaname = current_schema();

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

SELECT cast(layout AS INTEGER), star, program FROM warehouse_version;

BEGIN;

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

SELECT viewname FROM pg_views WHERE schemaname = current_schema();

COMMIT;

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

BEGIN;

SET statement_timeout TO 10000;

LOCK load_lock;

RESET statement_timeout;

SELECT status FROM load_history WHERE load_id = 2;

SELECT source_id, url, loaded, rejected FROM load_files
    WHERE status = 'loaded' AND load_id = 2 ORDER BY source_id;

SELECT coalesce(sum(loaded), 0) FROM load_files WHERE status = 'loaded';

SELECT url FROM load_files WHERE superseded_by = 2;

DROP TABLE IF EXISTS changed_files;

-- changes/changed_files/create.sql

DROP TABLE IF EXISTS touched_names;

-- changes/touched_names/create.sql

DROP TABLE IF EXISTS touched_plays;

-- changes/touched_plays/create.sql

DROP TABLE IF EXISTS touched_users;

-- changes/touched_users/create.sql

DROP TABLE IF EXISTS touched_songs;

-- changes/touched_songs/create.sql

DROP TABLE IF EXISTS touched_artists;

-- changes/touched_artists/create.sql

DELETE FROM changed_files;

INSERT INTO changed_files (source_id)
VALUES ($1);

-- changes/touched_names/collect.sql

-- changes/touched_plays/collect.sql

-- changes/touched_users/collect.sql

-- changes/touched_songs/collect.sql

-- changes/touched_artists/collect.sql

DELETE FROM changed_files;

INSERT INTO changed_files (source_id)
VALUES ($1);

DELETE FROM staging_events WHERE source_id IN (SELECT source_id FROM changed_files);

DELETE FROM staging_songs WHERE source_id IN (SELECT source_id FROM changed_files);

DELETE FROM rejected_records WHERE source_id IN (SELECT source_id FROM changed_files);

UPDATE load_files SET status = 'undone' WHERE source_id IN (SELECT source_id FROM changed_files);

UPDATE load_history SET status = 'undone' WHERE load_id = 2;

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

SELECT count(*) FROM staging_events;

SELECT count(*) FROM staging_songs;

SELECT count(*) FROM normalized_texts;

SELECT count(*) FROM songplays;

SELECT count(*) FROM user_levels;

SELECT count(*) FROM users;

SELECT count(*) FROM songs;

SELECT count(*) FROM artists;

SELECT count(*) FROM time;

SELECT count(*) FROM load_history;

SELECT count(*) FROM load_files;

SELECT count(*) FROM rejected_records;
