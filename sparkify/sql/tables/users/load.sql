-- One row per user: each attribute by itself has its latest value that is not NULL, of equally late ones the greatest.
INSERT INTO users (user_id, first_name, last_name, gender, level, registered_at)
WITH user_events AS (
    SELECT userId, ts, sessionId, itemInSession, firstName, lastName, gender, level, registration
    FROM staging_events
    WHERE userId IS NOT NULL
        AND userId IN (SELECT user_id FROM touched_users) -- touched
),

-- The last moment of each attribute first: ranking the few events of these costs less than ranking them all.
last_moments AS (
    SELECT
        userId,
        max(ts) AS any_ts,
        max(CASE WHEN firstName IS NOT NULL THEN ts END) AS first_name_ts,
        max(CASE WHEN lastName IS NOT NULL THEN ts END) AS last_name_ts,
        max(CASE WHEN gender IS NOT NULL THEN ts END) AS gender_ts,
        max(CASE WHEN level IS NOT NULL THEN ts END) AS level_ts,
        max(CASE WHEN registration IS NOT NULL THEN ts END) AS registration_ts
    FROM user_events
    GROUP BY userId
),

last_events AS (
    SELECT
        event.userId, event.sessionId, event.itemInSession,
        CASE WHEN event.ts = last_moments.first_name_ts THEN event.firstName END AS firstName,
        CASE WHEN event.ts = last_moments.last_name_ts THEN event.lastName END AS lastName,
        CASE WHEN event.ts = last_moments.gender_ts THEN event.gender END AS gender,
        CASE WHEN event.ts = last_moments.level_ts THEN event.level END AS level,
        CASE WHEN event.ts = last_moments.registration_ts THEN event.registration END AS registration
    FROM user_events AS event
    INNER JOIN last_moments ON event.userId = last_moments.userId
    WHERE event.ts = last_moments.any_ts
        OR event.ts = last_moments.first_name_ts
        OR event.ts = last_moments.last_name_ts
        OR event.ts = last_moments.gender_ts
        OR event.ts = last_moments.level_ts
        OR event.ts = last_moments.registration_ts
),

ranked_events AS (
    SELECT
        userId, firstName, lastName, gender, level, registration,
        row_number() OVER (
            PARTITION BY userId, CASE WHEN firstName IS NULL THEN 1 END
            ORDER BY sessionId DESC, itemInSession DESC, firstName DESC
        ) AS first_name_rank,
        row_number() OVER (
            PARTITION BY userId, CASE WHEN lastName IS NULL THEN 1 END
            ORDER BY sessionId DESC, itemInSession DESC, lastName DESC
        ) AS last_name_rank,
        row_number() OVER (
            PARTITION BY userId, CASE WHEN gender IS NULL THEN 1 END
            ORDER BY sessionId DESC, itemInSession DESC, gender DESC
        ) AS gender_rank,
        row_number() OVER (
            PARTITION BY userId, CASE WHEN level IS NULL THEN 1 END
            ORDER BY sessionId DESC, itemInSession DESC, level DESC
        ) AS level_rank,
        row_number() OVER (
            PARTITION BY userId, CASE WHEN registration IS NULL THEN 1 END
            ORDER BY sessionId DESC, itemInSession DESC, registration DESC
        ) AS registration_rank
    FROM last_events
),

-- A rank of 1 also has the first of the NULLs, which max passes over.
latest_values AS (
    SELECT
        userId,
        max(CASE WHEN first_name_rank = 1 THEN firstName END) AS first_name,
        max(CASE WHEN last_name_rank = 1 THEN lastName END) AS last_name,
        max(CASE WHEN gender_rank = 1 THEN gender END) AS gender,
        max(CASE WHEN level_rank = 1 THEN level END) AS level,
        max(CASE WHEN registration_rank = 1 THEN registration END) AS registration
    FROM ranked_events
    GROUP BY userId
)

SELECT
    userId AS user_id, first_name, last_name, gender, level,
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((registration - registration % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(registration % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS registered_at
FROM latest_values
