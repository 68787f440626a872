-- From layout 1: the warehouse names its version, and each file the rules that it was read by.
-- Layout 1 read by the rules of this digest: they did not change between the two layouts.
ALTER TABLE load_files ADD COLUMN rules VARCHAR(64);

UPDATE load_files SET rules = '720582fb9960e7de02f0455be20a36f6';
