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
    SELECT max(ts) - min(ts) AS milliseconds
    FROM events
    WHERE user_id IS NOT NULL
    GROUP BY user_id, session_id
),

totals AS (
    SELECT count(*) AS sessions FROM user_sessions
)

SELECT
    bins.bin,
    bins.over_minutes,
    bins.to_minutes,
    count(user_sessions.milliseconds) AS sessions,
    cast(count(user_sessions.milliseconds) AS DOUBLE PRECISION) / totals.sessions AS session_share
FROM bins
INNER JOIN totals ON totals.sessions > 0
LEFT JOIN user_sessions
    ON (bins.over_minutes IS NULL OR user_sessions.milliseconds > cast(bins.over_minutes AS BIGINT) * 60000)
        AND (bins.to_minutes IS NULL OR user_sessions.milliseconds <= cast(bins.to_minutes AS BIGINT) * 60000)
GROUP BY bins.bin, bins.over_minutes, bins.to_minutes, totals.sessions
ORDER BY bins.bin
