-- Who stays?
-- A cohort is the users whose first play in the log is in the same ISO week, named by its Monday (UTC); week +k is k
-- weeks later, and its share is of the cohort's users those with a play in it. Weeks after the end of the log are
-- blank; a week that the log covers only in part is marked. A cohort with less than seven days of log before it is
-- marked as cut off on the left.
-- It does not say who is new: users of such a cohort, above all, may have listened long before the log begins.
-- Chapter: paying 50.
-- Parameters: from, to, level.
WITH log_days AS (
    SELECT min(day) AS first_day, max(day) AS last_day FROM days
),

user_weeks AS (
    SELECT DISTINCT user_id, cast(date_trunc('week', day) AS DATE) AS week FROM user_days
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

-- A log has at least as many days as weeks.
numbers AS (
    SELECT cast(row_number() OVER (ORDER BY day) AS INTEGER) - 1 AS number FROM days
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
    cells.cohort_week - cells.first_day < 7 AS is_cut_off_on_left,
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
LEFT JOIN active_users ON cells.cohort_week = active_users.cohort_week AND cells.week = active_users.week
ORDER BY cells.cohort_week, cells.week_number
