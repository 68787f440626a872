-- Where are they?
-- Plays and distinct users by the location logged with the play. The state is what follows the last comma where that
-- names one state; "several" for an area across states, such as NY-NJ-PA; blank where the location has no
-- comma, or none was logged.
-- It does not say where anybody was at the time: the location is the user's metropolitan area as logged.
WITH located_plays AS (
    SELECT
        user_id,
        location,
        CASE WHEN strpos(location, ', ') > 0 THEN reverse(split_part(reverse(location), ' ,', 1)) END AS suffix
    FROM songplays
),

place_plays AS (
    SELECT
        location,
        CASE
            WHEN length(suffix) = 2 THEN suffix
            WHEN suffix <> '' THEN 'several'
        END AS state,
        count(*) AS plays,
        count(DISTINCT user_id) AS users
    FROM located_plays
    GROUP BY location, suffix
),

totals AS (
    SELECT count(*) AS plays FROM songplays
)

SELECT
    place_plays.location,
    place_plays.state,
    place_plays.plays,
    place_plays.users,
    cast(place_plays.plays AS DOUBLE PRECISION) / totals.plays AS play_share
FROM place_plays
CROSS JOIN totals
ORDER BY place_plays.plays DESC, place_plays.location ASC
