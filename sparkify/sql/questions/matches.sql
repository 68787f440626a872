-- How are plays matched with the catalogue?
-- Plays by the kind of match: exact is the same title and artist name as logged, similar the same normalized texts and a
-- length within ten seconds, artist the artist without the song, and none neither. Artists are the distinct artists of
-- the catalogue that these plays were matched with.
-- It does not say whether a match is right: two recordings may share title, artist and length.
-- Chapter: soundness 20.
-- Parameters: from, to, level.
WITH kinds AS (
    SELECT 1 AS place, 'exact' AS kind
    UNION ALL
    SELECT 2 AS place, 'similar' AS kind
    UNION ALL
    SELECT 3 AS place, 'artist' AS kind
    UNION ALL
    SELECT 4 AS place, 'none' AS kind
),

kind_plays AS (
    SELECT coalesce(match, 'none') AS kind, count(*) AS plays, count(DISTINCT artist_id) AS artists
    FROM plays
    GROUP BY coalesce(match, 'none')
),

totals AS (
    SELECT sum(plays) AS plays FROM kind_plays
)

SELECT
    kinds.kind AS match,
    coalesce(kind_plays.plays, 0) AS plays,
    cast(coalesce(kind_plays.plays, 0) AS DOUBLE PRECISION) / totals.plays AS play_share,
    coalesce(kind_plays.artists, 0) AS artists
FROM kinds
CROSS JOIN totals
LEFT JOIN kind_plays ON kinds.kind = kind_plays.kind
ORDER BY kinds.place
