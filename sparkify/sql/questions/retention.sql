-- Who stays?
-- A cohort is the users whose first play in the log lies in the same ISO week, named by its Monday (UTC); week +k is k
-- weeks later, and its share is of the cohort's users those with a play in it. Weeks after the end of the log are
-- blank; a week that the log covers only in part is marked. A cohort with less than seven days of log before it is
-- marked as cut off on the left.
-- It does not say who is new: users of such a cohort, above all, may have listened long before the log begins.
-- Parameters: from, to, level.
WITH parameters AS (
    SELECT
        cast($1 AS DATE) AS first_day,
        cast($2 AS DATE) AS last_day,
        cast($3 AS VARCHAR) AS level,
        7 AS days_before
),

bounds AS (
    SELECT
        cast(first_day - DATE '1970-01-01' AS BIGINT) * 86400000 AS first_ts,
        cast(last_day + 1 - DATE '1970-01-01' AS BIGINT) * 86400000 AS end_ts,
        level
    FROM parameters
),

log_moments AS (
    SELECT min(staging_events.ts) AS first_ts, max(staging_events.ts) AS last_ts
    FROM staging_events
    CROSS JOIN bounds
    WHERE (bounds.first_ts IS NULL OR staging_events.ts >= bounds.first_ts)
        AND (bounds.end_ts IS NULL OR staging_events.ts < bounds.end_ts)
        AND (bounds.level IS NULL OR staging_events.level = bounds.level)
),

log_days AS (
    SELECT
        DATE '1970-01-01' + cast(floor(cast(first_ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS first_day,
        DATE '1970-01-01' + cast(floor(cast(last_ts AS DOUBLE PRECISION) / 86400000) AS INTEGER) AS last_day
    FROM log_moments
),

user_weeks AS (
    SELECT DISTINCT songplays.user_id, cast(date_trunc('week', songplays.start_time) AS DATE) AS week
    FROM songplays
    CROSS JOIN parameters
    WHERE (parameters.first_day IS NULL OR songplays.start_time >= parameters.first_day)
        AND (parameters.last_day IS NULL OR songplays.start_time < parameters.last_day + 1)
        AND (parameters.level IS NULL OR songplays.level = parameters.level)
),

first_weeks AS (
    SELECT user_id, min(week) AS week
    FROM user_weeks
    GROUP BY user_id
),

cohorts AS (
    SELECT week AS cohort_week, count(*) AS cohort_users
    FROM first_weeks
    GROUP BY week
),

active_users AS (
    SELECT first_weeks.week AS cohort_week, user_weeks.week, count(*) AS users
    FROM first_weeks
    INNER JOIN user_weeks ON first_weeks.user_id = user_weeks.user_id
    GROUP BY first_weeks.week, user_weeks.week
),

digits AS (
    SELECT 0 AS digit
    UNION ALL
    SELECT 1 AS digit
    UNION ALL
    SELECT 2 AS digit
    UNION ALL
    SELECT 3 AS digit
    UNION ALL
    SELECT 4 AS digit
    UNION ALL
    SELECT 5 AS digit
    UNION ALL
    SELECT 6 AS digit
    UNION ALL
    SELECT 7 AS digit
    UNION ALL
    SELECT 8 AS digit
    UNION ALL
    SELECT 9 AS digit
),

-- More than a hundred years have weeks.
numbers AS (
    SELECT 1000 * thousands.digit + 100 * hundreds.digit + 10 * tens.digit + ones.digit AS number
    FROM digits AS ones
    CROSS JOIN digits AS tens
    CROSS JOIN digits AS hundreds
    CROSS JOIN digits AS thousands
),

oldest_cohorts AS (
    SELECT min(cohort_week) AS cohort_week FROM cohorts
),

cells AS (
    SELECT
        cohorts.cohort_week,
        cohorts.cohort_users,
        numbers.number AS week_number,
        cohorts.cohort_week + 7 * numbers.number AS week,
        log_days.first_day,
        log_days.last_day
    FROM cohorts
    CROSS JOIN oldest_cohorts
    CROSS JOIN log_days
    INNER JOIN numbers ON 7 * numbers.number <= log_days.last_day - oldest_cohorts.cohort_week
)

SELECT
    cells.cohort_week,
    cells.cohort_week - cells.first_day < parameters.days_before AS is_cut_off_on_left,
    cells.cohort_users,
    cells.week_number,
    CASE WHEN cells.week <= cells.last_day THEN coalesce(active_users.users, 0) END AS active_users,
    CASE
        WHEN cells.week <= cells.last_day
            THEN cast(coalesce(active_users.users, 0) AS DOUBLE PRECISION) / cells.cohort_users
    END AS active_share,
    CASE
        WHEN cells.week <= cells.last_day THEN cells.week < cells.first_day OR cells.week + 6 > cells.last_day
    END AS is_week_in_part
FROM cells
CROSS JOIN parameters
LEFT JOIN active_users ON cells.cohort_week = active_users.cohort_week AND cells.week = active_users.week
ORDER BY cells.cohort_week, cells.week_number
