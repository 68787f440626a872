"""Words of SQL as Redshift knows them: reserved ones, functions, relations of the system. Data, no rules."""


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

# Those that a query may say.
IN_QUERIES = _words("""
    all and as asc between both case cast cross current_date current_user default desc distinct else end except false
    for from full group having ilike in inner intersect interval into is join leading left like limit minus natural not
    null nulls offset oid on or order outer partition right select session_user similar sysdate then timestamp to top
    trailing true union user using when where with without
""")

# DG c_unsupported-postgresql-features: PostgreSQL's own columns.
SYSTEM_COLUMNS = _words("cmax cmin ctid tableoid xmax xmin")

RANKING = _words("""
    row_number rank dense_rank percent_rank cume_dist ntile lag lead
""")
AGGREGATES = _words("""
    count sum min max avg stddev stddev_samp stddev_pop variance var_samp var_pop bool_and bool_or bit_and
    bit_or any_value listagg percentile_cont percentile_disc
""")
WINDOW = RANKING | AGGREGATES | {"first_value", "last_value", "nth_value"}

# Functions of Redshift that PostgreSQL has under the same name with the same meaning, or that the template of
# databases adds to it.
FUNCTIONS = WINDOW | _words("""
    abs acos ascii asin atan atan2 btrim cbrt ceil ceiling char_length character_length chr coalesce concat
    col_description cos cot current_database current_schema current_setting date_part date_trunc dateadd datediff
    degrees exp extract floor getdate greatest grouping has_database_privilege has_schema_privilege has_table_privilege
    initcap is_valid_json is_valid_json_array
    json_extract_path_text last_day least left len length ln log lower lpad ltrim md5 mod nullif nvl
    obj_description octet_length pg_backend_pid pg_last_copy_count pg_last_copy_id pi position pow power quote_ident
    quote_literal radians random regexp_count regexp_instr regexp_replace regexp_substr repeat replace replicate
    reverse right round rpad rtrim set_config sha2 sign sin split_part sqrt strpos strtol substr substring
    tan textlen to_char to_date to_hex translate trim trunc upper version
""")

# Where PostgreSQL's function of the same name and arguments answers otherwise.
RENAMED = {
    "avg": "redshift_avg",
    "nvl": "coalesce",
    "replicate": "repeat",
    "date_part": "redshift_date_part",
    "dateadd": "redshift_dateadd",
    "datediff": "redshift_datediff",
    "regexp_replace": "redshift_regexp_replace",
    "regexp_substr": "redshift_regexp_substr",
    "regexp_count": "redshift_regexp_count",
    "regexp_instr": "redshift_regexp_instr",
    "version": "redshift_version",
    "concat": "redshift_concat",
}
# Their first argument may be a bare word: dateadd(day, 1, x).
DATE_PARTS = {"date_part", "dateadd", "datediff"}

# DG r_Dateparts_for_datetime_functions.
PARTS = {
    "millennium": "millennium", "millennia": "millennium", "mil": "millennium", "mils": "millennium",
    "century": "century", "centuries": "century", "c": "century", "cent": "century", "cents": "century",
    "decade": "decade", "decades": "decade", "dec": "decade", "decs": "decade",
    "epoch": "epoch",
    "year": "year", "years": "year", "y": "year", "yr": "year", "yrs": "year",
    "quarter": "quarter", "quarters": "quarter", "qtr": "quarter", "qtrs": "quarter",
    "month": "month", "months": "month", "mon": "month", "mons": "month",
    "week": "week", "weeks": "week", "w": "week",
    "dayofweek": "dow", "dow": "dow", "dw": "dow", "weekday": "dow",
    "dayofyear": "doy", "doy": "doy", "dy": "doy", "yearday": "doy",
    "day": "day", "days": "day", "d": "day",
    "hour": "hour", "hours": "hour", "h": "hour", "hr": "hour", "hrs": "hour",
    "minute": "minute", "minutes": "minute", "m": "minute", "min": "minute", "mins": "minute",
    "second": "second", "seconds": "second", "s": "second", "sec": "second", "secs": "second",
    "millisecond": "millisecond", "milliseconds": "millisecond", "ms": "millisecond", "msec": "millisecond",
    "msecs": "millisecond", "msecond": "millisecond", "mseconds": "millisecond", "millisec": "millisecond",
    "millisecs": "millisecond", "millisecon": "millisecond",
    "microsecond": "microsecond", "microseconds": "microsecond", "us": "microsecond", "usec": "microsecond",
    "usecs": "microsecond", "usecond": "microsecond", "useconds": "microsecond", "microsec": "microsecond",
    "microsecs": "microsecond", "microsecon": "microsecond",
}  # fmt: skip

# Relations of the system that the stand-in plays or passes on. Of those "provisioned only" in the DG a serverless
# workgroup refuses every one.
SYSTEM_RELATIONS = _words("""
    sys_load_error_detail sys_load_history sys_load_detail stl_load_errors stl_load_commits stv_slices
    stv_db_isolation_level svv_tables svv_all_tables svv_table_info svv_columns pg_table_def pg_tables pg_class
    pg_namespace pg_database pg_user pg_attribute pg_type pg_views pg_locks
""")
SYSTEM_PREFIXES = ("sys_", "stl_", "stv_", "svv_", "svl_", "svcs_", "pg_")
PROVISIONED_PREFIXES = ("stl_", "stv_", "svl_", "svcs_")
INFORMATION_SCHEMA = frozenset({"tables", "columns", "schemata", "views"})
