-- Records to judge again leave the rejects; those that fail come back with their new reason.
DELETE FROM rejected_records
WHERE reason <> 'bad_encoding' AND source_id IN (SELECT source_id FROM changed_files)
