-- What is judged again leaves the rejects; what does not pass comes back with today's reason.
DELETE FROM rejected_records
WHERE reason <> 'bad_encoding'
    AND coalesce(raw_size, 0) <= 65535
    AND strpos("raw", chr(92) || 'x00') = 0
    AND source_id IN (SELECT source_id FROM sparkify_changed_files)
