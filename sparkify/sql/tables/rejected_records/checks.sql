-- warn: rejected_share_is_small
-- More than one record in twenty rejected: look at the reasons before trusting the figures.
SELECT sum(read) AS records_read, sum(rejected) AS records_rejected
FROM load_files
WHERE status = 'loaded'
HAVING sum(rejected) * 20 > sum(read);
