-- How are plays matched, day by day?
-- Plays of each day (UTC) by the kind of match with the catalogue, as `matches` has them. A day and kind without plays has
-- no row.
-- It does not say when the catalogue came: plays of earlier days are matched again when it does.
-- Chapter: soundness 25.
-- Parameters: from, to, level.
SELECT
    day,
    coalesce(match, 'none') AS match,
    count(*) AS plays
FROM plays
GROUP BY day, coalesce(match, 'none')
ORDER BY day, coalesce(match, 'none')
