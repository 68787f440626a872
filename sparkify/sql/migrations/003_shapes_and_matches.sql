-- From layout 2: stores unknown keys, and the size of a rejected record.
-- And of each file its shape, how many of its records were repaired, and its state when it was hashed.
ALTER TABLE staging_events ADD COLUMN other VARCHAR(65535);

ALTER TABLE staging_songs ADD COLUMN other VARCHAR(65535);

ALTER TABLE rejected_records ADD COLUMN raw_size BIGINT;

ALTER TABLE load_files ADD COLUMN repaired BIGINT;

ALTER TABLE load_files ADD COLUMN shape VARCHAR(16);

ALTER TABLE load_files ADD COLUMN stat VARCHAR(256);

ALTER TABLE songplays ADD COLUMN match VARCHAR(16);

ALTER TABLE users ADD COLUMN registered_at TIMESTAMP;
