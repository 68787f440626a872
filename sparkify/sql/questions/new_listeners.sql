-- Who is new, and who comes back?
-- The distinct listeners of each ISO week, named by its Monday (UTC): new are those whose first play in the log is in
-- that week, staying those who played in the week before, and returning those who played earlier, but not in the week
-- before. A week without plays has no row.
-- It does not say who had listened before the log begins: in its first weeks nearly all seem new.
-- Chapter: listening 15.
-- Parameters: from, to, level.
WITH user_weeks AS (
    SELECT DISTINCT cast(date_trunc('week', day) AS DATE) AS week, user_id FROM user_days
),

ordered_weeks AS (
    SELECT week, lag(week) OVER (PARTITION BY user_id ORDER BY week) AS week_before FROM user_weeks
)

SELECT
    week,
    count(*) AS listeners,
    cast(sum(CASE WHEN week_before IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS new_listeners,
    cast(sum(CASE WHEN week_before = week - 7 THEN 1 ELSE 0 END) AS BIGINT) AS staying_listeners,
    cast(sum(CASE WHEN week_before < week - 7 THEN 1 ELSE 0 END) AS BIGINT) AS returning_listeners
FROM ordered_weeks
GROUP BY week
ORDER BY week
