-- How long do visits last?
-- The sessions by their length, from the first event to the last, in minutes: each bin has those over its lower and up
-- to its upper bound. The first bin has the sessions of one moment, which last 0; the last has no upper bound. Bins
-- become wider, because few sessions are long: compare shares, not the widths of the bins.
-- It does not say how long anybody listened: the track after the last event is not in it.
-- Chapter: listening 40.
-- Parameters: from, to, level.
WITH bins AS (
    SELECT 1 AS bin, cast(NULL AS INTEGER) AS over_minutes, 0 AS to_minutes
    UNION ALL
    SELECT 2 AS bin, 0 AS over_minutes, 1 AS to_minutes
    UNION ALL
    SELECT 3 AS bin, 1 AS over_minutes, 2 AS to_minutes
    UNION ALL
    SELECT 4 AS bin, 2 AS over_minutes, 5 AS to_minutes
    UNION ALL
    SELECT 5 AS bin, 5 AS over_minutes, 10 AS to_minutes
    UNION ALL
    SELECT 6 AS bin, 10 AS over_minutes, 20 AS to_minutes
    UNION ALL
    SELECT 7 AS bin, 20 AS over_minutes, 30 AS to_minutes
    UNION ALL
    SELECT 8 AS bin, 30 AS over_minutes, 60 AS to_minutes
    UNION ALL
    SELECT 9 AS bin, 60 AS over_minutes, 120 AS to_minutes
    UNION ALL
    SELECT 10 AS bin, 120 AS over_minutes, 240 AS to_minutes
    UNION ALL
    SELECT 11 AS bin, 240 AS over_minutes, cast(NULL AS INTEGER) AS to_minutes
),

user_sessions AS (
    SELECT max(last_ts) - min(first_ts) AS milliseconds
    FROM visits
    WHERE user_id IS NOT NULL
    GROUP BY user_id, session_id
),

-- One number for all sessions of a bin.
binned_sessions AS (
    SELECT
        CASE
            WHEN milliseconds = 0 THEN 1
            WHEN milliseconds <= 1 * 60000 THEN 2
            WHEN milliseconds <= 2 * 60000 THEN 3
            WHEN milliseconds <= 5 * 60000 THEN 4
            WHEN milliseconds <= 10 * 60000 THEN 5
            WHEN milliseconds <= 20 * 60000 THEN 6
            WHEN milliseconds <= 30 * 60000 THEN 7
            WHEN milliseconds <= 60 * 60000 THEN 8
            WHEN milliseconds <= 120 * 60000 THEN 9
            WHEN milliseconds <= 240 * 60000 THEN 10
            ELSE 11
        END AS bin
    FROM user_sessions
),

bin_sessions AS (
    SELECT bin, count(*) AS sessions
    FROM binned_sessions
    GROUP BY bin
),

totals AS (
    SELECT sum(sessions) AS sessions FROM bin_sessions
)

SELECT
    bins.bin,
    bins.over_minutes,
    bins.to_minutes,
    coalesce(bin_sessions.sessions, 0) AS sessions,
    cast(coalesce(bin_sessions.sessions, 0) AS DOUBLE PRECISION) / totals.sessions AS session_share
FROM bins
INNER JOIN totals ON totals.sessions > 0
LEFT JOIN bin_sessions ON bins.bin = bin_sessions.bin
ORDER BY bins.bin
