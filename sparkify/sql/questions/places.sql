-- Where are they?
-- Plays and distinct users by the location logged with the play. The state is the text after the last comma if it
-- is one state; "several" for an area across states, such as NY-NJ-PA; blank where the location has no comma, or
-- none was logged. With `top` only the places up to that rank by plays are shown; those that tie share a rank.
-- It does not say where anybody was at the time: the location is the user's metropolitan area as logged.
-- Chapter: listening 65.
-- Parameters: from, to, level, top.
WITH place_plays AS (
    SELECT
        location,
        CASE
            WHEN strpos(location, ', ') > 0 THEN reverse(split_part(reverse(location), ' ,', 1))
        END AS suffix,
        count(*) AS plays,
        count(DISTINCT user_id) AS users
    FROM plays
    GROUP BY location
),

ranked_places AS (
    SELECT location, suffix, plays, users, rank() OVER (ORDER BY plays DESC) AS place
    FROM place_plays
),

totals AS (
    SELECT sum(plays) AS plays FROM place_plays
)

SELECT
    ranked_places.location,
    CASE
        WHEN length(ranked_places.suffix) = 2 THEN ranked_places.suffix
        WHEN ranked_places.suffix <> '' THEN 'several'
    END AS state,
    ranked_places.plays,
    ranked_places.users,
    cast(ranked_places.plays AS DOUBLE PRECISION) / (SELECT totals.plays FROM totals) AS play_share
FROM ranked_places
WHERE ranked_places.place <= coalesce(:top, ranked_places.place)
ORDER BY ranked_places.plays DESC, ranked_places.location ASC
