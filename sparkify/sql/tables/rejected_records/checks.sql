-- warn: rejected_share_is_small
-- More than 5% of the records were rejected: look at the reasons before you trust the numbers.
SELECT sum(read) AS records_read, sum(rejected) AS records_rejected
FROM load_files
WHERE status = 'loaded'
HAVING sum(rejected) * 20 > sum(read);
