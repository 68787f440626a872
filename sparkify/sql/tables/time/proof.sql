-- Proves: moments_are_those_of_plays.
-- A pair is a play and a row of time with its start_time. If every play and every row is in a pair, no moment is missing
-- and none is without a play. If there are then as many pairs as plays, no moment has two rows.
SELECT joined.pairs, joined.with_play, joined.with_moment, kept.plays
FROM (
    SELECT count(*) AS pairs, count(play.start_time) AS with_play, count(moment.start_time) AS with_moment
    FROM (
        SELECT start_time
        FROM songplays
        WHERE start_time IS NOT NULL
            AND start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
    ) AS play
    FULL OUTER JOIN (
        SELECT start_time
        FROM time
        WHERE start_time IS NOT NULL
            AND start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
    ) AS moment ON play.start_time = moment.start_time
) AS joined
CROSS JOIN (
    SELECT count(*) AS plays
    FROM songplays
    WHERE start_time IS NOT NULL
        AND start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
) AS kept
WHERE joined.with_play <> joined.pairs
    OR joined.with_moment <> joined.pairs
    OR kept.plays <> joined.pairs
