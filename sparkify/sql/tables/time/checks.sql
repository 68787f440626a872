-- fail: moment_is_not_null = not_null(start_time)
-- Redshift declares keys but does not enforce them.

-- fail: moments_are_those_of_plays
-- Each start_time of songplays needs exactly one row in time, or joins lose or double plays; no other row belongs there.
SELECT start_time, count(moment) AS moments, count(play) AS plays
FROM (
    SELECT start_time, 1 AS moment, cast(NULL AS INTEGER) AS play
    FROM time
    UNION ALL
    SELECT start_time, cast(NULL AS INTEGER) AS moment, 1 AS play
    FROM songplays
) AS sides
WHERE start_time IS NOT NULL
    AND start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
GROUP BY start_time
HAVING count(moment) <> 1 OR count(play) = 0;
