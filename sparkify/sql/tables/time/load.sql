-- One row per moment at which a play began.
INSERT INTO time (start_time, hour, day, week, month, year, weekday)
WITH moments AS (
    SELECT DISTINCT start_time
    FROM songplays
    WHERE start_time IN (SELECT start_time FROM sparkify_touched_plays) -- touched
)

SELECT
    start_time,
    cast(extract(HOUR FROM start_time) AS INTEGER) AS hour,
    cast(extract(DAY FROM start_time) AS INTEGER) AS day,
    cast(extract(WEEK FROM start_time) AS INTEGER) AS week,
    cast(extract(MONTH FROM start_time) AS INTEGER) AS month,
    cast(extract(YEAR FROM start_time) AS INTEGER) AS year,
    cast(extract(DOW FROM start_time) AS INTEGER) AS weekday
FROM moments
