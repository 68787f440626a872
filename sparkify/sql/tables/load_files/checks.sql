-- fail: read_is_loaded_and_rejected
-- The promise of the loader: every record read is loaded or rejected.
SELECT source_id, url, read, loaded, rejected
FROM load_files
WHERE status <> 'failed' AND read <> loaded + rejected;

-- fail: source_is_unique = unique(source_id)
-- Every staged row and reject names its file by this number.

-- fail: one_content_of_a_file
-- A file is loaded once: two contents of one URL side by side would count its records twice.
SELECT dataset, url, count(*) AS contents
FROM load_files
WHERE status = 'loaded'
GROUP BY dataset, url
HAVING count(*) > 1;

-- fail: load_is_found = found(load_id, load_history)
-- Every file names the load that found it.

-- fail: loaded_is_staged
-- The ledger says how many records of each file are staged; exactly those rows must be there.
SELECT files.source_id, files.url, files.loaded, coalesce(staged.records, 0) AS staged
FROM (
    SELECT source_id, url, loaded
    FROM load_files
    WHERE status = 'loaded'
        AND source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
) AS files
FULL OUTER JOIN (
    SELECT source_id, count(*) AS records
    FROM (
        SELECT source_id FROM staging_events
        UNION ALL
        SELECT source_id FROM staging_songs
    ) AS staging
    WHERE source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
    GROUP BY source_id
) AS staged ON files.source_id = staged.source_id
WHERE coalesce(files.loaded, 0) <> coalesce(staged.records, 0);

-- fail: rejected_is_kept
-- The ledger says how many records of each file were rejected; exactly those must be readable.
SELECT files.source_id, files.url, files.rejected, coalesce(kept.records, 0) AS kept
FROM (
    SELECT source_id, url, rejected
    FROM load_files
    WHERE status IN ('loaded', 'failed')
) AS files
FULL OUTER JOIN (
    SELECT source_id, count(*) AS records
    FROM rejected_records
    GROUP BY source_id
) AS kept ON files.source_id = kept.source_id
WHERE coalesce(files.rejected, 0) <> coalesce(kept.records, 0);

-- warn: no_file_failed
-- A file that could not be read stays pending: nothing of it is in the warehouse.
SELECT failed.source_id, failed.url
FROM load_files AS failed
INNER JOIN (
    SELECT max(source_id) AS source_id
    FROM load_files
    GROUP BY dataset, url
) AS latest ON failed.source_id = latest.source_id
WHERE failed.status = 'failed' AND failed.read = 0;
