-- How many loaded files came, went or changed since the load was planned.
SELECT count(*) AS differences
FROM (
    SELECT source_id, url, loaded, rejected
    FROM load_files
    WHERE status = 'loaded'
) AS files
FULL OUTER JOIN planned_files ON files.source_id = planned_files.source_id
WHERE files.source_id IS NULL
    OR planned_files.source_id IS NULL
    OR files.url <> planned_files.url
    OR files.loaded <> planned_files.loaded
    OR files.rejected <> planned_files.rejected
