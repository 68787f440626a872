-- Who stays for months?
-- A cohort is the users whose first play in the log is in the same calendar month (UTC), named by its first day; month
-- +k is k months later, and its share is of the cohort's users those with a play in it. A month that the log covers only
-- in part is marked, and so is the cohort of the log's first month, as cut off on the left.
-- It does not say who is new: users of such a cohort, above all, may have listened long before the log begins.
-- Chapter: paying 60.
-- Parameters: from, to, level.
WITH log_days AS (
    SELECT
        12 * cast(extract(YEAR FROM min(day)) AS INTEGER)
        + cast(extract(MONTH FROM min(day)) AS INTEGER) AS first_number,
        12 * cast(extract(YEAR FROM max(day)) AS INTEGER)
        + cast(extract(MONTH FROM max(day)) AS INTEGER) AS last_number,
        extract(DAY FROM min(day)) > 1 AS is_first_in_part,
        extract(DAY FROM max(day) + 1) > 1 AS is_last_in_part
    FROM days
),

user_months AS (
    SELECT DISTINCT
        user_id,
        cast(date_trunc('month', day) AS DATE) AS month,
        12 * cast(extract(YEAR FROM day) AS INTEGER) + cast(extract(MONTH FROM day) AS INTEGER) AS number
    FROM user_days
),

first_months AS (
    SELECT user_id, min(month) AS month, min(number) AS number
    FROM user_months
    GROUP BY user_id
),

cohorts AS (
    SELECT month AS cohort_month, number AS first_number, count(*) AS cohort_users
    FROM first_months
    GROUP BY month, number
),

active_users AS (
    SELECT first_months.number AS first_number, user_months.number, count(*) AS users
    FROM first_months
    INNER JOIN user_months ON first_months.user_id = user_months.user_id
    GROUP BY first_months.number, user_months.number
),

-- A log has at least as many days as months.
numbers AS (
    SELECT cast(row_number() OVER (ORDER BY day) AS INTEGER) - 1 AS number FROM days
),

cells AS (
    SELECT
        cohorts.cohort_month,
        cohorts.first_number,
        cohorts.cohort_users,
        numbers.number AS month_number,
        cohorts.first_number + numbers.number AS number,
        cohorts.first_number = log_days.first_number AS is_cut_off_on_left,
        (cohorts.first_number + numbers.number = log_days.first_number AND log_days.is_first_in_part)
        OR (cohorts.first_number + numbers.number = log_days.last_number AND log_days.is_last_in_part)
            AS is_month_in_part
    FROM cohorts
    CROSS JOIN log_days
    INNER JOIN numbers ON cohorts.first_number + numbers.number <= log_days.last_number
)

SELECT
    cells.cohort_month,
    cells.is_cut_off_on_left,
    cells.cohort_users,
    cells.month_number,
    coalesce(active_users.users, 0) AS active_users,
    cast(coalesce(active_users.users, 0) AS DOUBLE PRECISION) / cells.cohort_users AS active_share,
    cells.is_month_in_part
FROM cells
LEFT JOIN active_users ON cells.first_number = active_users.first_number AND cells.number = active_users.number
ORDER BY cells.cohort_month, cells.month_number
