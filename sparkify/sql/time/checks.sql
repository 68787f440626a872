-- fail: moment_is_unique
-- A moment that stands twice doubles its plays in every join.
SELECT start_time, count(*) AS copies
FROM time
WHERE start_time IN (SELECT start_time FROM touched_plays) -- touched
GROUP BY start_time
HAVING count(*) > 1;

-- fail: moment_is_not_null
-- Redshift declares keys and enforces none.
SELECT start_time
FROM time
WHERE start_time IS NULL;

-- fail: moment_has_a_play
-- time holds the distinct start_times of songplays and nothing else.
SELECT time.start_time
FROM time
WHERE time.start_time IS NOT NULL
    AND time.start_time IN (SELECT start_time FROM touched_plays) -- touched
    AND NOT EXISTS (SELECT 1 FROM songplays WHERE songplays.start_time = time.start_time);
