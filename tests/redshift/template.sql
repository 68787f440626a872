-- What Redshift has and PostgreSQL has not, in the template of every database. Where both have a function of one name
-- and it answers otherwise on Redshift, it is named redshift_... here and statements are rewritten.
SET allow_system_table_mods = on;
SET check_function_bodies = off;
GRANT ALL ON SCHEMA public TO PUBLIC;

-- DG VERSION: the text of every cluster begins so.
CREATE FUNCTION pg_catalog.redshift_version() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017, Redshift 1.0.117891'
$$;
CREATE FUNCTION pg_catalog.len(text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT RETURN length($1);
-- DG r_CONCAT: two arguments, NULL if either is.
CREATE FUNCTION pg_catalog.redshift_concat(text, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT RETURN $1 || $2;
CREATE FUNCTION pg_catalog.round(double precision, integer) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT
RETURN round($1::numeric, $2)::double precision;
CREATE FUNCTION pg_catalog.trunc(double precision, integer) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT
RETURN trunc($1::numeric, $2)::double precision;

-- DG r_GETDATE, DG r_SYSDATE: UTC, without a time zone.
CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE
RETURN date_trunc('second', statement_timestamp() AT TIME ZONE 'UTC');
CREATE FUNCTION pg_catalog.redshift_sysdate() RETURNS timestamp LANGUAGE sql STABLE
RETURN transaction_timestamp() AT TIME ZONE 'UTC';
CREATE FUNCTION pg_catalog.date_trunc(text, date) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT
RETURN date_trunc($1, $2::timestamp);

-- DG r_DATE_PART_function, DG r_Dateparts_for_datetime_functions: a double, with the whole seconds in it also where
-- the part is milliseconds.
CREATE FUNCTION pg_catalog.redshift_date_part(text, timestamp) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT
RETURN date_part($1, $2);
CREATE FUNCTION pg_catalog.redshift_date_part(text, date) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT
RETURN date_part($1, $2::timestamp);
CREATE FUNCTION pg_catalog.redshift_date_part(text, timestamptz) RETURNS double precision LANGUAGE sql STABLE STRICT
RETURN date_part($1, $2 AT TIME ZONE 'UTC');
-- DG r_EXTRACT_function: an INTEGER of a TIMESTAMP, a double of a TIMESTAMPTZ. Of seconds, milliseconds and
-- microseconds each leaves the others out.
CREATE FUNCTION pg_catalog.redshift_extract(text, timestamp) RETURNS integer LANGUAGE sql IMMUTABLE STRICT
RETURN floor(CASE WHEN $1 IN ('millisecond', 'microsecond') THEN extract(microsecond FROM $2)::bigint
    / CASE $1 WHEN 'millisecond' THEN 1000 ELSE 1 END % 1000 ELSE date_part($1, $2) END)::integer;
CREATE FUNCTION pg_catalog.redshift_extract(text, date) RETURNS integer LANGUAGE sql IMMUTABLE STRICT
RETURN redshift_extract($1, $2::timestamp);
CREATE FUNCTION pg_catalog.redshift_extract(text, timestamptz) RETURNS double precision LANGUAGE sql STABLE STRICT
RETURN redshift_extract($1, $2 AT TIME ZONE 'UTC');

-- DG r_DATEADD_function: the amount is an INTEGER.
CREATE FUNCTION pg_catalog.redshift_dateadd(text, integer, timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT RETURN $3 + $2 * CASE $1
    WHEN 'quarter' THEN INTERVAL '3 months' ELSE ('1 ' || $1)::interval END;
CREATE FUNCTION pg_catalog.redshift_dateadd(text, integer, date) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT RETURN redshift_dateadd($1, $2, $3::timestamp);
-- DG r_DATEDIFF_function: the boundaries of the part that lie between. A week's lies before Sunday there.
CREATE FUNCTION pg_catalog.redshift_datediff(text, timestamp, timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT
RETURN CASE $1
    WHEN 'year' THEN date_part('year', $3) - date_part('year', $2)
    WHEN 'quarter' THEN 4 * (date_part('year', $3) - date_part('year', $2))
        + date_part('quarter', $3) - date_part('quarter', $2)
    WHEN 'month' THEN 12 * (date_part('year', $3) - date_part('year', $2)) + date_part('month', $3)
        - date_part('month', $2)
    WHEN 'day' THEN $3::date - $2::date
    WHEN 'week' THEN floor(($3::date - DATE '2000-01-02') / 7.0) - floor(($2::date - DATE '2000-01-02') / 7.0)
    WHEN 'microsecond' THEN extract(epoch FROM $3) * 1000000 - extract(epoch FROM $2) * 1000000
    WHEN 'hour' THEN floor(extract(epoch FROM $3) / 3600) - floor(extract(epoch FROM $2) / 3600)
    WHEN 'minute' THEN floor(extract(epoch FROM $3) / 60) - floor(extract(epoch FROM $2) / 60)
    WHEN 'second' THEN floor(extract(epoch FROM $3)) - floor(extract(epoch FROM $2))
    WHEN 'millisecond' THEN floor(extract(epoch FROM $3) * 1000) - floor(extract(epoch FROM $2) * 1000)
END::bigint;
CREATE FUNCTION pg_catalog.redshift_datediff(text, date, date) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT
RETURN redshift_datediff($1, $2::timestamp, $3::timestamp);

-- DG r_AVG: of integers it is a BIGINT, without a fraction.
CREATE FUNCTION pg_catalog.redshift_avg_end(numeric[]) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN CASE WHEN $1[2] > 0 THEN trunc($1[1] / $1[2])::bigint END;
CREATE FUNCTION pg_catalog.redshift_avg_step(numeric[], smallint) RETURNS numeric[] LANGUAGE sql IMMUTABLE
RETURN CASE WHEN $2 IS NULL THEN $1 ELSE ARRAY[$1[1] + $2, $1[2] + 1] END;
CREATE AGGREGATE pg_catalog.redshift_avg(smallint) (
    SFUNC = redshift_avg_step, STYPE = numeric[], FINALFUNC = redshift_avg_end, INITCOND = '{0,0}'
);
CREATE FUNCTION pg_catalog.redshift_avg_step(numeric[], integer) RETURNS numeric[] LANGUAGE sql IMMUTABLE
RETURN CASE WHEN $2 IS NULL THEN $1 ELSE ARRAY[$1[1] + $2, $1[2] + 1] END;
CREATE AGGREGATE pg_catalog.redshift_avg(integer) (
    SFUNC = redshift_avg_step, STYPE = numeric[], FINALFUNC = redshift_avg_end, INITCOND = '{0,0}'
);
CREATE FUNCTION pg_catalog.redshift_avg_step(numeric[], bigint) RETURNS numeric[] LANGUAGE sql IMMUTABLE
RETURN CASE WHEN $2 IS NULL THEN $1 ELSE ARRAY[$1[1] + $2, $1[2] + 1] END;
CREATE AGGREGATE pg_catalog.redshift_avg(bigint) (
    SFUNC = redshift_avg_step, STYPE = numeric[], FINALFUNC = redshift_avg_end, INITCOND = '{0,0}'
);
CREATE AGGREGATE pg_catalog.redshift_avg(double precision) (
    SFUNC = float8_accum, STYPE = double precision[], FINALFUNC = float8_avg, INITCOND = '{0,0,0}'
);
CREATE AGGREGATE pg_catalog.redshift_avg(numeric) (
    SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = numeric_avg
);

-- What COPY and UNLOAD left behind. It is kept in files that the stand-in writes, so that it outlives the rollback of a failed
-- load and every session sees it at once, whatever its snapshot.
CREATE FUNCTION pg_catalog.redshift_loads() RETURNS SETOF json
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT line::json
    FROM string_to_table(pg_read_file(:shared || current_database() || '.loads', true), E'\n') AS line
    WHERE line <> ''
$$;
CREATE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT coalesce(pg_read_file(:shared || pg_backend_pid() || '.copy', true)::bigint, 0)
$$;
CREATE FUNCTION pg_catalog.pg_last_unload_count() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT coalesce(pg_read_file(:shared || pg_backend_pid() || '.unload', true)::bigint, 0)
$$;
CREATE VIEW pg_catalog.sys_load_history AS
SELECT loads.*
FROM redshift_loads() AS line, json_to_record(line) AS loads (
    query_id bigint, session_id integer, status text, table_name text, start_time timestamp, end_time timestamp,
    data_source text, file_format text, loaded_rows bigint, source_file_count integer, source_file_bytes bigint,
    error_count bigint
);

CREATE FUNCTION pg_catalog.redshift_slices() RETURNS integer LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT pg_read_file(:shared || 'slices')::integer
$$;
CREATE VIEW pg_catalog.stv_slices AS
SELECT number / 2 AS node, number AS slice, number % 2 AS localslice, 'D'::character(1) AS type
FROM generate_series(0, redshift_slices() - 1) AS number;
-- DG c_serial_isolation: SNAPSHOT is the default. DG r_STV_DB_ISOLATION_LEVEL: both columns are padded.
CREATE VIEW pg_catalog.stv_db_isolation_level AS
SELECT datname::character(128) AS db_name, 'Snapshot Isolation'::character(20) AS isolation_level FROM pg_database;
CREATE VIEW pg_catalog.svv_tables AS
SELECT table_catalog::text, table_schema::text, table_name::text, table_type::text,
    obj_description(format('%I.%I', table_schema, table_name)::regclass, 'pg_class') AS remarks
FROM information_schema.tables;
CREATE VIEW pg_catalog.svv_columns AS
SELECT *, col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position) AS remarks
FROM information_schema.columns;

-- What PostgreSQL does not keep of a table is the comment of its row type; its own comment is the user's. It has the
-- tables that its foreign keys name, its keys and its encodings.
CREATE FUNCTION pg_catalog.redshift_declared("table" oid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(obj_description(reltype, 'pg_type'), '{}')::jsonb FROM pg_class WHERE oid = "table"
$$;
CREATE FUNCTION pg_catalog.redshift_declare("table" text, declared jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := redshift_declared("table"::regclass);
    encodings jsonb := coalesce(before -> 'encodings', '{}') || coalesce(declared -> 'encodings', '{}');
BEGIN
    EXECUTE format('COMMENT ON TYPE %s IS %L', (SELECT reltype::regtype FROM pg_class WHERE oid = "table"::regclass),
        before || declared || jsonb_build_object('encodings', encodings));
END
$$;
-- DG r_ALTER_TABLE: a column cannot be altered to the encoding that it has. A column of a new sort key becomes RAW.
CREATE FUNCTION pg_catalog.redshift_alter("table" text, declared jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    named text;
BEGIN
    FOR named IN SELECT jsonb_object_keys(declared -> 'encodings')
        UNION SELECT jsonb_array_elements_text(declared -> 'sortkey') UNION SELECT declared ->> 'distkey' LOOP
        IF named IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute
            WHERE attrelid = "table"::regclass AND attname = named AND attnum > 0) THEN
            RAISE EXCEPTION 'column "%" does not exist', named USING ERRCODE = '42703';
        END IF;
    END LOOP;
    IF redshift_declared("table"::regclass) -> 'encodings' @> (declared -> 'encodings') THEN
        RAISE EXCEPTION 'target column already has this encoding' USING ERRCODE = '0A000';
    END IF;
    PERFORM redshift_declare("table", declared);
    IF declared ? 'sortkey' THEN
        PERFORM redshift_declare("table", jsonb_build_object('encodings',
            (SELECT jsonb_object_agg(name, 'raw') FROM jsonb_array_elements_text(declared -> 'sortkey') AS name)));
    END IF;
END
$$;
-- DG r_PG_TABLE_DEF: of the schemas in the search path.
CREATE VIEW pg_catalog.pg_table_def AS
SELECT nspname AS schemaname, relname AS tablename, attname AS "column",
    format_type(atttypid, atttypmod)::text AS type,
    coalesce(nullif(declared -> 'encodings' ->> attname, 'raw'), 'none')::text AS encoding,
    coalesce(declared ->> 'distkey' = attname, false) AS distkey,
    coalesce((SELECT place FROM jsonb_array_elements_text(declared -> 'sortkey') WITH ORDINALITY AS keys (name, place)
        WHERE name = attname), 0)::integer AS sortkey,
    attnotnull AS "notnull"
FROM pg_class
INNER JOIN pg_namespace ON relnamespace = pg_namespace.oid
INNER JOIN pg_attribute ON attrelid = pg_class.oid
CROSS JOIN redshift_declared(pg_class.oid) AS declared
WHERE relkind = 'r' AND nspname !~ '^pg_' AND pg_table_is_visible(pg_class.oid) AND attnum > 0 AND NOT attisdropped;
-- A table outside `dropped` whose foreign key names this one. The names are quoted for SQL, and parted by commas.
CREATE FUNCTION pg_catalog.redshift_dependent(referenced text, dropped text) RETURNS name LANGUAGE sql STABLE AS $$
    SELECT classes.relname
    FROM pg_class AS classes
    CROSS JOIN jsonb_array_elements_text(redshift_declared(classes.oid) -> 'references') AS named
    WHERE classes.relkind = 'r'
        AND to_regclass(named) = to_regclass(referenced)
        AND classes.oid NOT IN (SELECT to_regclass(name) FROM string_to_table(dropped, ',') AS name
            WHERE to_regclass(name) IS NOT NULL)
    LIMIT 1
$$;
GRANT SELECT ON pg_catalog.sys_load_history, pg_catalog.stv_slices, pg_catalog.stv_db_isolation_level,
pg_catalog.svv_tables, pg_catalog.svv_columns, pg_catalog.pg_table_def TO PUBLIC;
