-- The figures of every load, summed of its files'.
UPDATE load_history
SET read = sums.read, loaded = sums.loaded, rejected = sums.rejected
FROM (
    SELECT
        load_id,
        cast(sum(read) AS BIGINT) AS read,
        cast(sum(loaded) AS BIGINT) AS loaded,
        cast(sum(rejected) AS BIGINT) AS rejected
    FROM load_files
    GROUP BY load_id
) AS sums
WHERE load_history.load_id = sums.load_id
