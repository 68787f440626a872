-- From layout 2: stores unknown keys, and the size of a rejected record.
-- And of each file its shape, how many of its records were repaired, and its state when it was hashed.
ALTER TABLE staging_events ADD COLUMN other VARCHAR(65535);

ALTER TABLE staging_songs ADD COLUMN other VARCHAR(65535);

ALTER TABLE rejected_records ADD COLUMN raw_size BIGINT;

ALTER TABLE load_files ADD COLUMN repaired BIGINT;

ALTER TABLE load_files ADD COLUMN shape VARCHAR(16);

ALTER TABLE load_files ADD COLUMN stat VARCHAR(256);

ALTER TABLE songplays ADD COLUMN match VARCHAR(16);

ALTER TABLE users ADD COLUMN registered_at TIMESTAMP;

-- Older code read every file by lines. So a file whose first record was one is of that shape by today's rule too.
UPDATE load_files SET shape = CASE WHEN read = 0 THEN 'empty' ELSE 'lines' END WHERE status = 'loaded';

UPDATE load_files SET shape = NULL
FROM (
    SELECT DISTINCT rejected_records.source_id
    FROM rejected_records
    INNER JOIN (
        SELECT source_id, min(line) AS line
        FROM (
            SELECT source_id, line FROM staging_events
            UNION ALL
            SELECT source_id, line FROM staging_songs
            UNION ALL
            SELECT source_id, line FROM rejected_records
        ) AS records
        GROUP BY source_id
    ) AS firsts ON rejected_records.source_id = firsts.source_id AND rejected_records.line = firsts.line
    WHERE rejected_records.reason IN ('bad_encoding', 'not_json', 'not_object')
) AS untold
WHERE load_files.source_id = untold.source_id;

UPDATE load_files SET repaired = 0 WHERE status = 'loaded';
