-- Who starts to pay?
-- A conversion is a user's first `Submit Upgrade` while free; a user converts once. Share A is the converters first
-- seen free over all users first seen free. Share B is all conversions over the free users active in the log, which
-- are those with a play while free. Days since registration are the converters' median.
-- It does not say who paid before the log begins, nor who will yet convert: users at its end had less time.
-- Chapter: paying 20.
-- Parameters: from, to.
WITH first_moments AS (
    SELECT user_id, min(ts) AS first_ts
    FROM events
    WHERE user_id IS NOT NULL
    GROUP BY user_id
),

-- Only events of a user's first moment need an order.
ranked_events AS (
    SELECT
        events.user_id,
        events.level,
        row_number() OVER (
            PARTITION BY events.user_id ORDER BY events.session_id, events.item_in_session, events.level
        ) AS event_rank
    FROM events
    INNER JOIN first_moments ON events.user_id = first_moments.user_id AND events.ts = first_moments.first_ts
),

first_free_users AS (
    SELECT user_id FROM ranked_events WHERE event_rank = 1 AND level = 'free'
),

ranked_upgrades AS (
    SELECT
        user_id,
        ts,
        registration,
        row_number() OVER (
            PARTITION BY user_id ORDER BY ts, session_id, item_in_session, registration
        ) AS upgrade_rank
    FROM events
    WHERE user_id IS NOT NULL AND page = 'Submit Upgrade' AND level = 'free'
),

conversions AS (
    SELECT
        ranked_upgrades.user_id,
        first_free_users.user_id AS first_free_user_id,
        cast(ranked_upgrades.ts - ranked_upgrades.registration AS DOUBLE PRECISION) / 86400000 AS days
    FROM ranked_upgrades
    LEFT JOIN first_free_users ON ranked_upgrades.user_id = first_free_users.user_id
    WHERE ranked_upgrades.upgrade_rank = 1
),

conversion_counts AS (
    SELECT
        count(*) AS conversions,
        count(first_free_user_id) AS first_free_converters,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days_since_registration
    FROM conversions
),

first_free_counts AS (
    SELECT count(*) AS first_free_users FROM first_free_users
),

active_counts AS (
    SELECT count(DISTINCT user_id) AS active_free_users FROM plays WHERE level = 'free'
)

SELECT
    conversion_counts.conversions,
    conversion_counts.first_free_converters,
    first_free_counts.first_free_users,
    cast(conversion_counts.first_free_converters AS DOUBLE PRECISION)
    / nullif(first_free_counts.first_free_users, 0) AS share_a,
    active_counts.active_free_users,
    cast(conversion_counts.conversions AS DOUBLE PRECISION) / nullif(active_counts.active_free_users, 0) AS share_b,
    conversion_counts.median_days_since_registration
FROM conversion_counts
CROSS JOIN first_free_counts
CROSS JOIN active_counts
ORDER BY conversion_counts.conversions
