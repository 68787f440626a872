-- In which states are they?
-- Plays and distinct listeners by state: the text after the last comma of the location logged with the play, and of an
-- area across states, such as NY-NJ-PA, the first, where its largest city is. Blank is a location without a comma, or
-- none. With `top` only the states up to that rank by plays are shown; those that tie share a rank.
-- It does not say where anybody was at the time: the location is the user's metropolitan area as logged.
-- Chapter: listening 60.
-- Parameters: from, to, level, top.
WITH state_plays AS (
    SELECT
        nullif(
            CASE
                WHEN strpos(location, ', ') > 0
                    THEN split_part(reverse(split_part(reverse(location), ' ,', 1)), '-', 1)
            END,
            ''
        ) AS state,
        user_id
    FROM plays
),

states AS (
    SELECT state, count(*) AS plays, count(DISTINCT user_id) AS listeners
    FROM state_plays
    GROUP BY state
),

ranked_states AS (
    SELECT state, plays, listeners, rank() OVER (ORDER BY plays DESC) AS place
    FROM states
),

totals AS (
    SELECT sum(plays) AS plays FROM states
)

SELECT
    ranked_states.state,
    ranked_states.plays,
    ranked_states.listeners,
    cast(ranked_states.plays AS DOUBLE PRECISION) / (SELECT totals.plays FROM totals) AS play_share
FROM ranked_states
WHERE ranked_states.place <= coalesce(:top, ranked_states.place)
ORDER BY ranked_states.plays DESC, ranked_states.state ASC
