-- One row per user: each attribute by itself has its latest value that is not NULL, of equally late ones the greatest.
-- A refresh reads the events since the first change, and earlier ones only of users of whom these do not tell all.
INSERT INTO users (user_id, first_name, last_name, gender, level, registered_at)
WITH recent_events AS (
    SELECT
        userId, ts, sessionId, itemInSession, firstName, lastName, gender, level,
        -- Older rules let in what no timestamp holds.
        CASE WHEN registration BETWEEN -62135596800000 AND 253402300799999 THEN registration END AS registration
    FROM staging_events
    WHERE userId IS NOT NULL
        AND userId IN (SELECT user_id FROM sparkify_touched_users) -- touched
        AND ts >= (SELECT min(ts) FROM sparkify_touched_users) -- touched
),

recent_values AS ( -- touched
    SELECT -- touched
        userId, -- touched
        count(firstName) AS first_names, -- touched
        count(lastName) AS last_names, -- touched
        count(gender) AS genders, -- touched
        count(level) AS levels, -- touched
        count(registration) AS registrations -- touched
    FROM recent_events -- touched
    GROUP BY userId -- touched
), -- touched

-- What was NULL before, no earlier event tells. -- touched
untold_users AS ( -- touched
    SELECT sparkify_touched_users.user_id -- touched
    FROM sparkify_touched_users -- touched
    LEFT JOIN recent_values ON sparkify_touched_users.user_id = recent_values.userId -- touched
    WHERE recent_values.userId IS NULL -- touched
        OR (sparkify_touched_users.first_name IS NOT NULL AND recent_values.first_names = 0) -- touched
        OR (sparkify_touched_users.last_name IS NOT NULL AND recent_values.last_names = 0) -- touched
        OR (sparkify_touched_users.gender IS NOT NULL AND recent_values.genders = 0) -- touched
        OR (sparkify_touched_users.level IS NOT NULL AND recent_values.levels = 0) -- touched
        OR (sparkify_touched_users.registered_at IS NOT NULL AND recent_values.registrations = 0) -- touched
), -- touched

user_events AS (
    SELECT userId, ts, sessionId, itemInSession, firstName, lastName, gender, level, registration
    FROM recent_events
    UNION ALL -- touched
    SELECT -- touched
        userId, ts, sessionId, itemInSession, firstName, lastName, gender, level, -- touched
        CASE WHEN registration BETWEEN -62135596800000 AND 253402300799999 THEN registration END AS registration -- touched
    FROM staging_events -- touched
    WHERE userId IN (SELECT user_id FROM untold_users) -- touched
        AND ts < (SELECT min(ts) FROM sparkify_touched_users) -- touched
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

-- rank gives events of one place the same number: of their values the greatest stays.
last_events AS (
    SELECT
        event.userId, event.firstName, event.lastName, event.gender, event.level, event.registration,
        rank() OVER (PARTITION BY event.userId ORDER BY event.ts, event.sessionId, event.itemInSession) AS place
    FROM user_events AS event
    INNER JOIN last_moments ON event.userId = last_moments.userId
    WHERE event.ts IN (
            last_moments.any_ts, last_moments.first_name_ts, last_moments.last_name_ts, last_moments.gender_ts,
            last_moments.level_ts, last_moments.registration_ts
        )
),

last_places AS (
    SELECT
        userId,
        max(CASE WHEN firstName IS NOT NULL THEN place END) AS first_name_place,
        max(CASE WHEN lastName IS NOT NULL THEN place END) AS last_name_place,
        max(CASE WHEN gender IS NOT NULL THEN place END) AS gender_place,
        max(CASE WHEN level IS NOT NULL THEN place END) AS level_place,
        max(CASE WHEN registration IS NOT NULL THEN place END) AS registration_place
    FROM last_events
    GROUP BY userId
),

latest_values AS (
    SELECT
        event.userId,
        max(CASE WHEN event.place = last_places.first_name_place THEN event.firstName END) AS first_name,
        max(CASE WHEN event.place = last_places.last_name_place THEN event.lastName END) AS last_name,
        max(CASE WHEN event.place = last_places.gender_place THEN event.gender END) AS gender,
        max(CASE WHEN event.place = last_places.level_place THEN event.level END) AS level,
        max(CASE WHEN event.place = last_places.registration_place THEN event.registration END) AS registration
    FROM last_events AS event
    INNER JOIN last_places ON event.userId = last_places.userId
    GROUP BY event.userId
)

SELECT
    userId AS user_id, first_name, last_name, gender, level,
    TIMESTAMP '1970-01-01 00:00:00'
    + cast((registration - registration % 86400000) / 86400000 AS INTEGER) * INTERVAL '1 day'
    + cast(registration % 86400000 AS INTEGER) * INTERVAL '1 millisecond' AS registered_at
FROM latest_values
