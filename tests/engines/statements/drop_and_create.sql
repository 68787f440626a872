BEGIN;

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

DROP TABLE load_lock;

DROP TABLE rejected_records;

DROP TABLE load_files;

DROP TABLE load_history;

DROP TABLE songplays;

DROP TABLE users;

DROP TABLE songs;

DROP TABLE artists;

DROP TABLE time;

DROP TABLE staging_songs;

DROP TABLE staging_events;

SELECT tablename FROM pg_tables WHERE schemaname = current_schema();

-- tables/staging_events/create.redshift.sql

-- tables/staging_songs/create.redshift.sql

-- tables/time/create.redshift.sql

-- tables/artists/create.redshift.sql

-- tables/songs/create.redshift.sql

-- tables/users/create.redshift.sql

-- tables/songplays/create.redshift.sql

-- tables/load_history/create.redshift.sql

-- tables/load_files/create.redshift.sql

-- tables/rejected_records/create.redshift.sql

COMMIT;
