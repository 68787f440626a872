-- Grain: one distinct start_time of songplays.
-- Source: songplays; all parts are in UTC.
-- Keys: PRIMARY KEY (start_time)
-- Redshift: DISTSTYLE KEY DISTKEY (start_time) SORTKEY (start_time)
-- Why: distributed and sorted like songplays, with which it is joined.
CREATE TABLE IF NOT EXISTS time (
    start_time TIMESTAMP NOT NULL, -- moment at which a play began, UTC
    hour INTEGER NOT NULL, -- hour of the day, 0 to 23
    day INTEGER NOT NULL, -- day of the month, 1 to 31
    week INTEGER NOT NULL, -- ISO week, 1 to 53; 2018-12-31 is in week 1
    month INTEGER NOT NULL, -- month, 1 to 12
    year INTEGER NOT NULL, -- calendar year, not that of the ISO week
    weekday INTEGER NOT NULL -- day of the week, 0 = Sunday to 6 = Saturday
)
