-- Who leaves?
-- Cancelled: users with `Cancellation Confirmation`, of all users. Downgraded: users with `Submit Downgrade`, of the
-- users ever seen paid. Silent: players whose last play is at least `days` before the last event of the log, of the
-- players at risk: those whose first play is that long ago, so that they can be. Active: the others of these. Censored:
-- players who began later, of all players: the log ends too early to know. A user may be in several rows. With `level`,
-- a user who changed to the other level is silent from then on.
-- It does not say that a silent user left for good: with more days fewer are silent, and more are censored.
-- Chapter: paying 40.
-- Parameters: from, to, level, days = 14.
WITH users_seen AS (
    SELECT
        user_id,
        max(CASE WHEN page = 'Cancellation Confirmation' THEN 1 ELSE 0 END) AS cancelled,
        max(CASE WHEN page = 'Submit Downgrade' THEN 1 ELSE 0 END) AS downgraded,
        max(CASE WHEN level = 'paid' OR page = 'Submit Downgrade' THEN 1 ELSE 0 END) AS paid,
        min(CASE WHEN page = 'NextSong' THEN ts END) AS first_play_ts,
        max(CASE WHEN page = 'NextSong' THEN ts END) AS last_play_ts,
        max(ts) AS last_ts
    FROM events
    GROUP BY user_id
),

silent_since AS (
    SELECT max(last_ts) - cast(:days AS BIGINT) * 86400000 AS ts FROM users_seen
),

marked_users AS (
    SELECT
        users_seen.cancelled,
        users_seen.downgraded,
        users_seen.paid,
        CASE WHEN users_seen.last_play_ts IS NOT NULL THEN 1 ELSE 0 END AS player,
        CASE WHEN users_seen.first_play_ts <= (SELECT silent_since.ts FROM silent_since) THEN 1 ELSE 0 END AS at_risk,
        CASE WHEN users_seen.last_play_ts <= (SELECT silent_since.ts FROM silent_since) THEN 1 ELSE 0 END AS silent
    FROM users_seen
    WHERE users_seen.user_id IS NOT NULL
),

totals AS (
    SELECT
        count(*) AS users,
        coalesce(sum(cancelled), 0) AS cancelled,
        coalesce(sum(downgraded), 0) AS downgraded,
        coalesce(sum(paid), 0) AS paid,
        coalesce(sum(player), 0) AS players,
        coalesce(sum(at_risk), 0) AS at_risk,
        coalesce(sum(silent), 0) AS silent
    FROM marked_users
),

outcomes AS (
    SELECT 1 AS place, 'cancelled' AS outcome, cancelled AS users, users AS of_users FROM totals
    UNION ALL
    SELECT 2 AS place, 'downgraded' AS outcome, downgraded AS users, paid AS of_users FROM totals
    UNION ALL
    SELECT 3 AS place, 'silent' AS outcome, silent AS users, at_risk AS of_users FROM totals
    UNION ALL
    SELECT 4 AS place, 'active' AS outcome, at_risk - silent AS users, at_risk AS of_users FROM totals
    UNION ALL
    SELECT 5 AS place, 'censored' AS outcome, players - at_risk AS users, players AS of_users FROM totals
)

SELECT
    outcomes.outcome,
    outcomes.users,
    outcomes.of_users,
    cast(outcomes.users AS DOUBLE PRECISION) / nullif(outcomes.of_users, 0) AS share,
    CASE WHEN outcomes.outcome IN ('silent', 'active', 'censored') THEN :days END AS silent_days
FROM outcomes
ORDER BY outcomes.place
