-- Grain: the warehouse. The table has one row.
-- Source: the program that created the warehouse, or that last migrated or rebuilt it.
-- Redshift: DISTSTYLE AUTO SORTKEY (layout)
-- Why: one row.
CREATE TABLE IF NOT EXISTS warehouse_version (
    layout INTEGER NOT NULL, -- number of the layout: which tables and columns there are
    star VARCHAR(64) NOT NULL, -- digest of the SQL that computes the star and the views
    program VARCHAR(64) NOT NULL, -- version of sparkify that wrote this row
    written_at TIMESTAMP NOT NULL -- when, UTC
)
