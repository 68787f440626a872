-- How sound was each day?
-- Events of each day (UTC) from the first event to the last, errors, which are events on page `Error` or with a status of
-- 400 or more, and events while logged out. A day without events is a gap: nothing was delivered, or nobody came.
-- It does not say why a day has few events: compare it with the same weekday of other weeks.
-- Chapter: soundness 15.
-- Parameters: from, to, level.
WITH event_days AS (
    SELECT
        day,
        count(*) AS events,
        sum(CASE WHEN page = 'Error' OR status >= 400 THEN 1 ELSE 0 END) AS errors,
        sum(CASE WHEN auth = 'Logged Out' THEN 1 ELSE 0 END) AS logged_out
    FROM events
    GROUP BY day
)

SELECT
    days.day,
    coalesce(event_days.events, 0) AS events,
    cast(coalesce(event_days.errors, 0) AS BIGINT) AS errors,
    cast(event_days.errors AS DOUBLE PRECISION) * 1000 / event_days.events AS errors_per_1000_events,
    cast(coalesce(event_days.logged_out, 0) AS BIGINT) AS logged_out_events,
    cast(event_days.logged_out AS DOUBLE PRECISION) / event_days.events AS logged_out_share
FROM days
LEFT JOIN event_days ON days.day = event_days.day
ORDER BY days.day
