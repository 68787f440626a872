-- Where are they?
-- Plays and distinct users by the location logged with the play. The state is what follows the last comma where that
-- names one state; "several" for an area across states, such as NY-NJ-PA; blank where the location has no comma, or
-- none was logged. With `top` only the places up to that rank by plays are shown; those that tie share a rank.
-- It does not say where anybody was at the time: the location is the user's metropolitan area as logged.
-- Parameters: from, to, level, top.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day,
        cast($3 AS VARCHAR) AS level,
        cast($4 AS INTEGER) AS places
),

place_plays AS (
    SELECT
        songplays.location,
        CASE
            WHEN strpos(songplays.location, ', ') > 0 THEN reverse(split_part(reverse(songplays.location), ' ,', 1))
        END AS suffix,
        count(*) AS plays,
        count(DISTINCT songplays.user_id) AS users
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
        AND (parameters.level IS NULL OR songplays.level = parameters.level)
    GROUP BY songplays.location
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
    cast(ranked_places.plays AS DOUBLE PRECISION) / totals.plays AS play_share
FROM ranked_places
CROSS JOIN totals
INNER JOIN parameters ON parameters.places IS NULL OR ranked_places.place <= parameters.places
ORDER BY ranked_places.plays DESC, ranked_places.location ASC
