-- From layout 1: stores the version of the warehouse, and the rules by which each file was read.
-- Layout 1 used the rules of this digest: they did not change between the two layouts.
ALTER TABLE load_files ADD COLUMN rules VARCHAR(64);

UPDATE load_files SET rules = '720582fb9960e7de02f0455be20a36f6';
