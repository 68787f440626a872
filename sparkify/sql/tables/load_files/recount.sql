-- The records of the changed files, counted as they are now.
UPDATE load_files
SET
    -- A rejected line may hold several records.
    read = load_files.read + counts.loaded + counts.rejected - load_files.loaded - load_files.rejected,
    loaded = counts.loaded,
    rejected = counts.rejected
FROM (
    SELECT
        records.source_id,
        cast(sum(records.loaded) AS BIGINT) AS loaded,
        cast(sum(records.rejected) AS BIGINT) AS rejected
    FROM (
        SELECT source_id, 1 AS loaded, 0 AS rejected FROM staging_events
        UNION ALL
        SELECT source_id, 1 AS loaded, 0 AS rejected FROM staging_songs
        UNION ALL
        SELECT source_id, 0 AS loaded, 1 AS rejected FROM rejected_records
    ) AS records
    WHERE records.source_id IN (SELECT source_id FROM sparkify_changed_files)
    GROUP BY records.source_id
) AS counts
WHERE load_files.source_id = counts.source_id
