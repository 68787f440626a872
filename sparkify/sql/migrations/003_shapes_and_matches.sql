-- From layout 2: stores of each file its shape, how many of its records were repaired, and its state when it was hashed.
ALTER TABLE load_files ADD COLUMN repaired BIGINT;

ALTER TABLE load_files ADD COLUMN shape VARCHAR(16);

ALTER TABLE load_files ADD COLUMN stat VARCHAR(256);

ALTER TABLE songplays ADD COLUMN match VARCHAR(16);

ALTER TABLE users ADD COLUMN registered_at TIMESTAMP;
