-- What another load, an undo, a replay or a move could change; the rest of a row never changes.
INSERT INTO planned_files (source_id, url, loaded, rejected)
SELECT source_id, url, loaded, rejected
FROM load_files
WHERE status = 'loaded'
