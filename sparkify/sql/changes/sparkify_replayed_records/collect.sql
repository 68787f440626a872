-- The rejects of the changed files whose text is kept as it was: bytes that are zero or not UTF-8 are escaped, and a
-- long text is cut.
INSERT INTO sparkify_replayed_records (number, source_id, load_id, dataset, url, line, "raw")
SELECT
    cast(row_number() OVER (PARTITION BY dataset ORDER BY source_id ASC, line ASC) AS INTEGER) AS number,
    source_id,
    load_id,
    dataset,
    url,
    line,
    "raw"
FROM rejected_records
WHERE reason <> 'bad_encoding'
    AND coalesce(raw_size, 0) <= 65535
    AND strpos("raw", chr(92) || 'x00') = 0
    AND source_id IN (SELECT source_id FROM sparkify_changed_files)
