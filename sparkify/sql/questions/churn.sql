-- Who leaves?
-- Cancelled: users with `Cancellation Confirmation`, of all users. Downgraded: users with `Submit Downgrade`, of the
-- users ever seen paid. Silent: players whose last play is at least `days` before the last event of the log, of all
-- players. The other players are censored: the log ends too early to tell, so they are not counted as gone. A user may
-- stand in several rows. Of the events of one level, a user who changed to the other is silent from then on.
-- It does not say that a silent user left for good: with more days fewer are silent, and more are censored.
-- Parameters: from, to, level, days = 14.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day,
        cast($3 AS VARCHAR) AS level,
        cast($4 AS INTEGER) AS silent_days
),

bounds AS (
    SELECT
        cast(first_day - DATE '1970-01-01' AS BIGINT) * 86400000 AS first_ts,
        cast(last_day + 1 - DATE '1970-01-01' AS BIGINT) * 86400000 AS end_ts,
        level
    FROM parameters
),

events AS (
    SELECT staging_events.userId, staging_events.ts, staging_events.page, staging_events.level
    FROM staging_events
    CROSS JOIN bounds
    WHERE (bounds.first_ts IS NULL OR staging_events.ts >= bounds.first_ts)
        AND (bounds.end_ts IS NULL OR staging_events.ts < bounds.end_ts)
        AND (bounds.level IS NULL OR staging_events.level = bounds.level)
),

log_ends AS (
    SELECT max(ts) AS last_ts FROM events
),

users_seen AS (
    SELECT
        userId AS user_id,
        max(CASE WHEN page = 'Cancellation Confirmation' THEN 1 ELSE 0 END) AS cancelled,
        max(CASE WHEN page = 'Submit Downgrade' THEN 1 ELSE 0 END) AS downgraded,
        max(CASE WHEN level = 'paid' OR page = 'Submit Downgrade' THEN 1 ELSE 0 END) AS paid,
        max(CASE WHEN page = 'NextSong' THEN ts END) AS last_play_ts
    FROM events
    WHERE userId IS NOT NULL
    GROUP BY userId
),

marked_users AS (
    SELECT
        users_seen.cancelled,
        users_seen.downgraded,
        users_seen.paid,
        CASE WHEN users_seen.last_play_ts IS NOT NULL THEN 1 ELSE 0 END AS player,
        CASE
            WHEN users_seen.last_play_ts <= log_ends.last_ts - cast(parameters.silent_days AS BIGINT) * 86400000 THEN 1
            ELSE 0
        END AS silent
    FROM users_seen
    CROSS JOIN log_ends
    CROSS JOIN parameters
),

totals AS (
    SELECT
        count(*) AS users,
        coalesce(sum(cancelled), 0) AS cancelled,
        coalesce(sum(downgraded), 0) AS downgraded,
        coalesce(sum(paid), 0) AS paid,
        coalesce(sum(player), 0) AS players,
        coalesce(sum(silent), 0) AS silent
    FROM marked_users
),

outcomes AS (
    SELECT 1 AS place, 'cancelled' AS outcome, cancelled AS users, users AS of_users FROM totals
    UNION ALL
    SELECT 2 AS place, 'downgraded' AS outcome, downgraded AS users, paid AS of_users FROM totals
    UNION ALL
    SELECT 3 AS place, 'silent' AS outcome, silent AS users, players AS of_users FROM totals
    UNION ALL
    SELECT 4 AS place, 'censored' AS outcome, players - silent AS users, players AS of_users FROM totals
)

SELECT
    outcomes.outcome,
    outcomes.users,
    outcomes.of_users,
    cast(outcomes.users AS DOUBLE PRECISION) / nullif(outcomes.of_users, 0) AS share,
    CASE WHEN outcomes.outcome IN ('silent', 'censored') THEN parameters.silent_days END AS silent_days
FROM outcomes
CROSS JOIN parameters
ORDER BY outcomes.place
