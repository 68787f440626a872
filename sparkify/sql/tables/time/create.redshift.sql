-- Sorted as songplays is. Not distributed by it: plays of one moment would seek out one slice.
CREATE TABLE IF NOT EXISTS time (
    start_time TIMESTAMP NOT NULL ENCODE RAW,
    hour INTEGER NOT NULL ENCODE AZ64,
    day INTEGER NOT NULL ENCODE AZ64,
    week INTEGER NOT NULL ENCODE AZ64,
    month INTEGER NOT NULL ENCODE AZ64,
    year INTEGER NOT NULL ENCODE AZ64,
    weekday INTEGER NOT NULL ENCODE AZ64,
    PRIMARY KEY (start_time)
)
DISTSTYLE AUTO
SORTKEY (start_time)
