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

SELECT source_id, dataset, reason, count(*) FROM rejected_records
    WHERE reason <> 'bad_encoding' AND strpos("raw", chr(92) || 'x00') = 0 AND coalesce(raw_size, 0) <= 65535 AND source_id IN (SELECT source_id FROM load_files WHERE status = 'loaded')
    GROUP BY source_id, dataset, reason;

SELECT coalesce(sum(loaded), 0) FROM load_files
    WHERE status = 'loaded' AND source_id IN (SELECT source_id FROM rejected_records WHERE reason <> 'bad_encoding' AND strpos("raw", chr(92) || 'x00') = 0 AND coalesce(raw_size, 0) <= 65535);

SELECT coalesce(sum(loaded), 0) FROM load_files WHERE status = 'loaded';

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

SELECT count(*) FROM rejected_records;

DELETE FROM changed_files;

INSERT INTO changed_files (source_id)
VALUES ($1);

DROP TABLE IF EXISTS replayed_records;

-- changes/replayed_records/create.sql

-- changes/replayed_records/collect.sql

-- changes/replayed_records/leave.sql

SELECT current_schema();

SELECT "number", "source_id", "load_id", "dataset", "url", "line", "raw" FROM replayed_records
WHERE dataset = 'events' AND number >= 1 AND number < 4001;

COPY staging_events FROM '<stage>/.sparkify/<warehouse>/<load>/staging_events.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST STATUPDATE OFF;

SELECT pg_last_copy_count();

COPY rejected_records FROM '<stage>/.sparkify/<warehouse>/<load>/rejected_records.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST STATUPDATE OFF;

SELECT pg_last_copy_count();

DROP TABLE IF EXISTS staged_texts;

-- changes/staged_texts/create.sql

COPY staged_texts FROM '<stage>/.sparkify/<warehouse>/<load>/staged_texts.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST STATUPDATE OFF;

SELECT pg_last_copy_count();

-- changes/staged_texts/append.sql

SELECT "number", "source_id", "load_id", "dataset", "url", "line", "raw" FROM replayed_records
WHERE dataset = 'songs' AND number >= 1 AND number < 4001;

COPY staging_songs FROM '<stage>/.sparkify/<warehouse>/<load>/staging_songs.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST STATUPDATE OFF;

SELECT pg_last_copy_count();

COPY rejected_records FROM '<stage>/.sparkify/<warehouse>/<load>/rejected_records.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST STATUPDATE OFF;

SELECT pg_last_copy_count();

DROP TABLE IF EXISTS staged_texts;

-- changes/staged_texts/create.sql

COPY staged_texts FROM '<stage>/.sparkify/<warehouse>/<load>/staged_texts.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST STATUPDATE OFF;

SELECT pg_last_copy_count();

-- changes/staged_texts/append.sql

-- tables/load_files/recount.sql

-- tables/load_history/recount.sql

SELECT count(*) FROM rejected_records;

DELETE FROM changed_files;

INSERT INTO changed_files (source_id)
VALUES ($1);

-- changes/touched_names/collect.sql

-- changes/touched_plays/collect.sql

-- changes/touched_users/collect.sql

-- changes/touched_songs/collect.sql

-- changes/touched_artists/collect.sql

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

SELECT reason, count(*) FROM rejected_records GROUP BY reason ORDER BY 2 DESC, 1;

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
