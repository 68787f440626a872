-- Where are they?
-- Plays and distinct users by the location logged with the play. The state is what follows the last comma where that
-- names one state; "several" for an area across states, such as NY-NJ-PA; blank where the location has no
-- comma, or none was logged. With `top` only so many places are shown, and all that tie with the last of them.
-- It does not say where anybody was at the time: the location is the user's metropolitan area as logged.
-- Parameters: from, to, level, top.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day,
        cast($3 AS VARCHAR) AS level,
        cast($4 AS INTEGER) AS places
),

plays AS (
    SELECT songplays.user_id, songplays.location
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
        AND (parameters.level IS NULL OR songplays.level = parameters.level)
),

located_plays AS (
    SELECT
        user_id,
        location,
        CASE WHEN strpos(location, ', ') > 0 THEN reverse(split_part(reverse(location), ' ,', 1)) END AS suffix
    FROM plays
),

place_plays AS (
    SELECT
        location,
        CASE
            WHEN length(suffix) = 2 THEN suffix
            WHEN suffix <> '' THEN 'several'
        END AS state,
        count(*) AS plays,
        count(DISTINCT user_id) AS users,
        rank() OVER (ORDER BY count(*) DESC) AS place
    FROM located_plays
    GROUP BY location, suffix
),

totals AS (
    SELECT count(*) AS plays FROM plays
)

SELECT
    place_plays.location,
    place_plays.state,
    place_plays.plays,
    place_plays.users,
    cast(place_plays.plays AS DOUBLE PRECISION) / totals.plays AS play_share
FROM place_plays
CROSS JOIN totals
INNER JOIN parameters ON parameters.places IS NULL OR place_plays.place <= parameters.places
ORDER BY place_plays.plays DESC, place_plays.location ASC
