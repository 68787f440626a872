-- fail: load_is_unique
-- Every row of the ledger names its load by this number.
SELECT load_id, count(*) AS copies
FROM load_history
GROUP BY load_id
HAVING count(*) > 1;
