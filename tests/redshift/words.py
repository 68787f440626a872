"""Redshift's words of SQL: reserved words, functions, system tables. Data only."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# DG r_pg_keywords.
RESERVED = _words("""
    aes128 aes256 all allowoverwrite analyse analyze and any array as asc authorization az64 backup between
    binary blanksasnull both bytedict bzip2 case cast check collate column constraint create credentials cross
    current_date current_time current_timestamp current_user current_user_id default deferrable deflate defrag
    delta delta32k desc disable distinct do else emptyasnull enable encode encrypt encryption end except
    explicit false for foreign freeze from full globaldict256 globaldict64k grant group gzip having identity
    ignore ilike in initially inner intersect interval into is isnull join language leading left like limit
    localtime localtimestamp lun luns lzo lzop minus mostly16 mostly32 mostly8 natural new not notnull null
    nulls off offline offset oid old on only open or order outer overlaps parallel partition percent permissions
    pivot placing primary raw readratio recover references rejectlog resort respect restore right select
    session_user similar snapshot some start sysdate system table tag tdes text255 text32k then timestamp to top
    trailing true truncatecolumns union unique unnest unpivot user using verbose wallet when where with without
""")

# Those allowed in a query.
IN_QUERIES = _words("""
    all and as asc between both case cast cross current_date current_user default desc distinct else end except false
    for from full group having ilike in inner intersect interval into is join leading left like limit minus natural not
    null nulls offset oid on or order outer partition right select session_user similar sysdate then timestamp to top
    trailing true union user using when where with without
""")

# DG c_unsupported-postgresql-features: PostgreSQL's own columns.
SYSTEM_COLUMNS = _words("cmax cmin ctid tableoid xmax xmin")

RANKING = _words("row_number rank dense_rank percent_rank cume_dist ntile lag lead")
AGGREGATES = _words("""
    count sum min max avg stddev stddev_samp stddev_pop variance var_samp var_pop bool_and bool_or listagg
    percentile_cont percentile_disc
""")
WINDOW = RANKING | AGGREGATES | {"first_value", "last_value", "nth_value"}

# Functions of Redshift that PostgreSQL has with the same name and meaning, or that the database template adds.
FUNCTIONS = WINDOW | _words("""
    abs ascii btrim cbrt ceil ceiling char_length chr coalesce col_description concat current_database current_schema
    date_part date_trunc dateadd datediff exp floor getdate greatest has_database_privilege has_schema_privilege
    has_table_privilege initcap least left len length ln log lower lpad ltrim md5 mod nullif nvl obj_description
    octet_length pg_backend_pid pg_last_copy_count pg_last_unload_count pg_terminate_backend pi pow power quote_ident
    quote_literal random repeat replace replicate reverse right round rpad rtrim sign split_part sqrt strpos substr
    to_char to_date to_hex translate trunc upper version
""")

# PostgreSQL's function with the same name and arguments has another result.
RENAMED = {
    "avg": "redshift_avg", "nvl": "coalesce", "replicate": "repeat", "date_part": "redshift_date_part",
    "dateadd": "redshift_dateadd", "datediff": "redshift_datediff", "version": "redshift_version",
    "concat": "redshift_concat",
}  # fmt: skip
# Their first argument may be a bare word: dateadd(day, 1, x).
DATE_PARTS = {"date_part", "dateadd", "datediff"}

# DG r_Dateparts_for_datetime_functions: PostgreSQL's name of a part, and Redshift's names.
_PARTS = {
    "millennium": "millennium millennia mil mils",
    "century": "century centuries c cent cents",
    "decade": "decade decades dec decs",
    "epoch": "epoch",
    "year": "year years y yr yrs",
    "quarter": "quarter quarters qtr qtrs",
    "month": "month months mon mons",
    "week": "week weeks w",
    "dow": "dayofweek dow dw weekday",
    "doy": "dayofyear doy dy yearday",
    "day": "day days d",
    "hour": "hour hours h hr hrs",
    "minute": "minute minutes m min mins",
    "second": "second seconds s sec secs",
    "millisecond": "millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon",
    "microsecond": "microsecond microseconds us usec usecs usecond useconds microsec microsecs microsecon",
}  # fmt: skip
PARTS = {name: part for part, names in _PARTS.items() for name in names.split()}

# System tables that the stand-in plays or passes on. A serverless workgroup refuses those that the DG calls
# "provisioned only".
SYSTEM_RELATIONS = _words("""
    sys_load_history stv_slices stv_db_isolation_level svv_tables svv_columns pg_tables pg_class pg_namespace
    pg_database pg_user pg_attribute pg_type pg_views pg_table_def
""")
SYSTEM_PREFIXES = ("sys_", "stl_", "stv_", "svv_", "svl_", "svcs_", "pg_")
PROVISIONED_PREFIXES = ("stl_", "stv_", "svl_", "svcs_")
INFORMATION_SCHEMA = frozenset({"tables", "columns", "schemata", "views"})
