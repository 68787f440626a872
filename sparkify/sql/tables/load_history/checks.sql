-- fail: load_is_unique = unique(load_id)
-- Every row of the ledger names its load by this number.

-- fail: counts_are_those_of_the_files
-- A load's counts are the sums over its files, also after those files were replaced or undone.
SELECT load_history.load_id, load_history.read, load_history.loaded, load_history.rejected, files.read AS files_read
FROM load_history
INNER JOIN (
    SELECT load_id, sum(read) AS read, sum(loaded) AS loaded, sum(rejected) AS rejected
    FROM load_files
    GROUP BY load_id
) AS files ON load_history.load_id = files.load_id
WHERE load_history.read <> files.read
    OR load_history.loaded <> files.loaded
    OR load_history.rejected <> files.rejected;
