SELECT 'table' AS kind, tablename AS name FROM pg_tables WHERE schemaname = current_schema()
UNION ALL
SELECT 'view' AS kind, viewname AS name FROM pg_views WHERE schemaname = current_schema();

SELECT cast(layout AS INTEGER), star, program FROM warehouse_version;

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

CREATE TABLE IF NOT EXISTS load_lock (holder INTEGER ENCODE AZ64) DISTSTYLE AUTO;

BEGIN;

SET statement_timeout TO 10000;

LOCK load_lock;

RESET statement_timeout;

SELECT load_id, started_at, detail FROM load_history WHERE status = 'running' ORDER BY load_id;

SELECT
    source_id, load_id, dataset, url, etag AS fingerprint, size, loaded, stat,
    coalesce(rules <> 'c977054ad9dc48ec9017034944b11f6f', FALSE) AS is_outdated
FROM load_files
WHERE status = 'loaded';

SELECT coalesce(max(load_id), 0) + 1, count(CASE WHEN status = 'running' THEN 1 END) FROM load_history;

INSERT INTO load_history (load_id, started_at, finished_at, status, mode, files, read, loaded, rejected, version, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

SELECT
    coalesce(max(source_id), 0) + 1 AS next_source_id,
    count(CASE WHEN status = 'loaded' THEN 1 END) AS files,
    sum(CASE WHEN status = 'loaded' THEN cast(translate(substring(md5(
        cast(source_id AS VARCHAR) || '|' || cast(loaded AS VARCHAR) || '|' || cast(rejected AS VARCHAR) || '|' || url
    ), 1, 12), 'abcdef', '012345') AS BIGINT) END) AS digest
FROM load_files;

COMMIT;

SELECT current_schema();

SELECT count(*) FROM stv_slices;

BEGIN;

SET statement_timeout TO 10000;

LOCK load_lock;

RESET statement_timeout;

SELECT
    coalesce(max(source_id), 0) + 1 AS next_source_id,
    count(CASE WHEN status = 'loaded' THEN 1 END) AS files,
    sum(CASE WHEN status = 'loaded' THEN cast(translate(substring(md5(
        cast(source_id AS VARCHAR) || '|' || cast(loaded AS VARCHAR) || '|' || cast(rejected AS VARCHAR) || '|' || url
    ), 1, 12), 'abcdef', '012345') AS BIGINT) END) AS digest
FROM load_files;

-- changes/sparkify_changed_files/create.sql

COPY staging_events FROM '<stage>/sparkify-stage/<warehouse>/<load>/staging_events.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST;

SELECT pg_last_copy_count();

COPY rejected_records FROM '<stage>/sparkify-stage/<warehouse>/<load>/rejected_records.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST;

SELECT pg_last_copy_count();

COPY staging_songs FROM '<stage>/sparkify-stage/<warehouse>/<load>/staging_songs.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST;

SELECT pg_last_copy_count();

-- changes/sparkify_staged_texts/create.sql

COPY sparkify_staged_texts FROM '<stage>/sparkify-stage/<warehouse>/<load>/sparkify_staged_texts.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse' FORMAT AS PARQUET MANIFEST;

SELECT pg_last_copy_count();

-- changes/sparkify_staged_texts/append.sql

SELECT source_id, cast(sum(loaded) AS BIGINT), cast(sum(rejected) AS BIGINT)
    FROM (
        SELECT source_id, count(*) AS loaded, 0 AS rejected FROM staging_events
        WHERE source_id >= 1 GROUP BY source_id
        UNION ALL
        SELECT source_id, 0 AS loaded, count(*) AS rejected FROM rejected_records
        WHERE source_id >= 1 AND dataset = 'events' GROUP BY source_id
    ) AS counts
    GROUP BY source_id
    ORDER BY source_id;

SELECT source_id, cast(sum(loaded) AS BIGINT), cast(sum(rejected) AS BIGINT)
    FROM (
        SELECT source_id, count(*) AS loaded, 0 AS rejected FROM staging_songs
        WHERE source_id >= 3 GROUP BY source_id
        UNION ALL
        SELECT source_id, 0 AS loaded, count(*) AS rejected FROM rejected_records
        WHERE source_id >= 3 AND dataset = 'songs' GROUP BY source_id
    ) AS counts
    GROUP BY source_id
    ORDER BY source_id;

SELECT coalesce(sum(loaded), 0) FROM load_files WHERE status = 'loaded';

-- tables/songplays/delete.sql

-- tables/songplays/load.sql

-- tables/user_levels/delete.sql

-- tables/user_levels/load.sql

-- tables/users/delete.sql

-- tables/users/load.sql

-- tables/songs/delete.sql

-- tables/songs/load.sql

-- tables/artists/delete.sql

-- tables/artists/load.sql

-- tables/time/delete.sql

-- tables/time/load.sql

INSERT INTO load_files (source_id, load_id, dataset, url, etag, size, modified, read, loaded, rejected, repaired, status, rules, shape, stat)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

UPDATE load_history SET finished_at = TIMESTAMP '2018-12-01 00:00:00', status = 'loaded', mode = 'rebuild', files = 3, read = 45, loaded = 42, rejected = 3, version = '0.2.0.dev0', detail = '<detail>' WHERE load_id = 1 AND status IN ('running', 'interrupted');

-- 10 checks of severity fail: plays

-- 16 checks of severity fail: staging and dimensions

-- 8 checks of severity fail: ledger

-- 13 checks of severity warn: what looks odd

SELECT * FROM (SELECT sum(read) AS records_read, sum(rejected) AS records_rejected
FROM load_files
WHERE status = 'loaded'
HAVING sum(rejected) * 20 > sum(read)) AS broken LIMIT 3;

UPDATE load_history SET detail = '<detail>' WHERE load_id = 1;

COMMIT;

SELECT source_id, reason, count(*), min(line), max(line) FROM rejected_records
        WHERE source_id >= 1 AND dataset = 'events' GROUP BY source_id, reason ORDER BY 3 DESC, 1, 2;

SELECT source_id, line, reason, "raw" FROM rejected_records WHERE (source_id = 1 AND line IN (2, 2)) ORDER BY source_id, line;

SELECT source_id, reason, count(*), min(line), max(line) FROM rejected_records
        WHERE source_id >= 3 AND dataset = 'songs' GROUP BY source_id, reason ORDER BY 3 DESC, 1, 2;

SELECT source_id, line, reason, "raw" FROM rejected_records WHERE (source_id = 3 AND line IN (3, 3)) OR (source_id = 3 AND line IN (2, 2)) ORDER BY source_id, line;

SELECT count(*), count(length), count(location), count(level), count(userAgent) FROM staging_events WHERE source_id >= 1 AND page = 'NextSong';

SELECT page, count(*) FROM staging_events
    WHERE source_id >= 1 AND page <> 'NextSong' AND lower(page) LIKE '%n%e%x%t%s%o%n%g%' AND length(page) <= 40
    GROUP BY page ORDER BY 2 DESC, 1;

SELECT copies.url, firsts.url, count(*) OVER ()
FROM (
    SELECT dataset, etag, min(source_id) AS source_id
    FROM load_files
    WHERE status = 'loaded' AND loaded > 0 AND etag IN (SELECT etag FROM load_files WHERE load_id = 1)
    GROUP BY dataset, etag
    HAVING count(*) > 1
) AS contents
INNER JOIN load_files AS firsts ON contents.source_id = firsts.source_id
INNER JOIN load_files AS copies ON contents.dataset = copies.dataset AND contents.etag = copies.etag
WHERE copies.load_id = 1 AND copies.status = 'loaded' AND copies.loaded > 0 AND copies.url <> firsts.url
ORDER BY copies.source_id
LIMIT 5;

SELECT 0 AS place, count(*) AS found, 0, 0 FROM staging_events
UNION ALL
SELECT 1 AS place, count(*) AS found, 0, 0 FROM staging_songs
UNION ALL
SELECT 2 AS place, count(*) AS found, 0, 0 FROM normalized_texts
UNION ALL
SELECT 3 AS place, count(*) AS found, count(CASE WHEN match <> 'artist' THEN 1 END), count(match) FROM songplays
UNION ALL
SELECT 4 AS place, count(*) AS found, 0, 0 FROM user_levels
UNION ALL
SELECT 5 AS place, count(*) AS found, 0, 0 FROM users
UNION ALL
SELECT 6 AS place, count(*) AS found, 0, 0 FROM songs
UNION ALL
SELECT 7 AS place, count(*) AS found, 0, 0 FROM artists
UNION ALL
SELECT 8 AS place, count(*) AS found, 0, 0 FROM time
UNION ALL
SELECT 9 AS place, count(*) AS found, 0, 0 FROM load_history
UNION ALL
SELECT 10 AS place, count(*) AS found, 0, 0 FROM load_files
UNION ALL
SELECT 11 AS place, count(*) AS found, 0, 0 FROM rejected_records;

SELECT reason, count(*) FROM rejected_records WHERE load_id = 1 GROUP BY reason ORDER BY 2 DESC, 1;
