-- Where do they stop on the way to paying?
-- Of the users first seen free: who played, who then opened `Upgrade`, who then sent `Submit Upgrade`. Each step comes
-- after the one before it, in any session, and counts a user once.
-- It does not say why they stopped, nor who was cut off: a user at the end of the log had less time than one at its
-- beginning. A user who upgrades without having played before is not in the last two steps.
-- Chapter: paying 30.
-- Parameters: from, to.
WITH first_moments AS (
    SELECT user_id, min(ts) AS first_ts, min(CASE WHEN page = 'NextSong' THEN ts END) AS first_play_ts
    FROM events
    WHERE user_id IS NOT NULL
    GROUP BY user_id
),

-- Only these events can be a user's first or a step, so only they are ordered.
ranked_events AS (
    SELECT
        events.user_id,
        events.page,
        events.level,
        rank() OVER (
            PARTITION BY events.user_id
            ORDER BY events.ts, events.session_id, events.item_in_session
        ) AS place
    FROM events
    INNER JOIN first_moments ON events.user_id = first_moments.user_id
    WHERE events.ts = first_moments.first_ts
        OR events.ts = first_moments.first_play_ts
        OR events.page IN ('Upgrade', 'Submit Upgrade')
),

-- If several events share the first place, the smallest level counts.
first_levels AS (
    SELECT user_id, min(level) AS level
    FROM ranked_events
    WHERE place = 1
    GROUP BY user_id
),

first_free_users AS (
    SELECT user_id FROM first_levels WHERE level = 'free'
),

first_plays AS (
    SELECT first_free_users.user_id, min(ranked_events.place) AS place
    FROM first_free_users
    INNER JOIN ranked_events ON first_free_users.user_id = ranked_events.user_id
    WHERE ranked_events.page = 'NextSong'
    GROUP BY first_free_users.user_id
),

first_looks AS (
    SELECT first_plays.user_id, min(ranked_events.place) AS place
    FROM first_plays
    INNER JOIN ranked_events
        ON first_plays.user_id = ranked_events.user_id AND first_plays.place < ranked_events.place
    WHERE ranked_events.page = 'Upgrade'
    GROUP BY first_plays.user_id
),

first_upgrades AS (
    SELECT first_looks.user_id, min(ranked_events.place) AS place
    FROM first_looks
    INNER JOIN ranked_events
        ON first_looks.user_id = ranked_events.user_id AND first_looks.place < ranked_events.place
    WHERE ranked_events.page = 'Submit Upgrade'
    GROUP BY first_looks.user_id
),

steps AS (
    SELECT 1 AS step, 'first seen free' AS reached, count(*) AS users FROM first_free_users
    UNION ALL
    SELECT 2 AS step, 'played' AS reached, count(*) AS users FROM first_plays
    UNION ALL
    SELECT 3 AS step, 'opened Upgrade' AS reached, count(*) AS users FROM first_looks
    UNION ALL
    SELECT 4 AS step, 'Submit Upgrade' AS reached, count(*) AS users FROM first_upgrades
)

SELECT
    steps.step,
    steps.reached,
    steps.users,
    cast(steps.users AS DOUBLE PRECISION) / nullif(first_steps.users, 0) AS share_of_first_step,
    cast(steps.users AS DOUBLE PRECISION) / nullif(steps_before.users, 0) AS share_of_step_before
FROM steps
INNER JOIN steps AS first_steps ON first_steps.step = 1
LEFT JOIN steps AS steps_before ON steps.step = steps_before.step + 1
ORDER BY steps.step
