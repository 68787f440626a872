-- The rejects of the changed files whose text is kept as it was: that of a record which is not UTF-8 is escaped,
-- and a long one is cut.
INSERT INTO replayed_records (number, source_id, load_id, dataset, url, line, "raw")
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
    AND source_id IN (SELECT source_id FROM changed_files)
