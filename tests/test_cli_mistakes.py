"""What users get wrong on the command line: each mistake is answered by a sentence that says what to do."""

import re
import shlex
from pathlib import Path

import duckdb
import pytest

import sparkify
from sparkify.settings import Config
from tests.engines.commands import run_here
from tests.support import event, log_file, new_warehouse, play, song, song_file, write_file


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A loaded warehouse that no test changes."""
    config = new_warehouse(tmp_path_factory.mktemp("settled"))
    write_file(log_file(config), [play(), event(userId=2), play(song=None), "no JSON"])
    write_file(song_file(config), [song()])
    sparkify.load(config)
    return config


# In a folder with data/log_data, data/song_data, own.sql, notes.txt, foreign.duckdb and text.duckdb. W is the option
# for a loaded warehouse.
MISTAKES = [
    # ---- commands ----
    ("laod", "No such command 'laod'; did you mean load?"),
    ("LOAD", "did you mean load?"),
    ("run", "did you mean load?"),
    ("etl", "did you mean load?"),
    ("import data", "did you mean load?"),
    ("ls", "did you mean plan?"),
    ("info", "did you mean status?"),
    ("errors", "did you mean rejects?"),
    ("sql", "did you mean query?"),
    ("dashboard", "did you mean report?"),
    ("dump", "did you mean export?"),
    ("test", "did you mean check?"),
    ("rollback 1", "did you mean undo?"),
    ("init", "did you mean create?"),
    ("upgrade", "did you mean migrate?"),
    ("vacuum", "did you mean compact?"),
    ("generate", "did you mean simulate?"),
    ("quickstart", "did you mean demo?"),
    ("settings", "did you mean config?"),
    ("frobnicate", "No such command 'frobnicate'; sparkify help lists them"),
    ("x" * 5_000, "sparkify help lists them"),
    ("load " + "x" * 5_000, "sparkify load --help lists what it takes"),
    ("load --log-data " + "x" * 5_000, "log_data is not valid: it has 5,000 characters; at most 4,000 are read"),
    ("top_songs --top 5", "it is a question: sparkify query top_songs --top 5"),
    ("songplays", """it is a table: sparkify query --sql "FROM songplays LIMIT 10\""""),
    ("'SELECT 1'", 'SQL is run by sparkify query --sql "SELECT 1"'),
    ("data/log_data", "data is loaded by sparkify load --log-data data/log_data"),
    ("data/log_data data/song_data", "sparkify load --log-data data/log_data --song-data data/song_data"),
    ("s3://bucket/logs", "data is loaded by sparkify load --log-data s3://bucket/logs"),
    ("foreign.duckdb", "a command comes first, such as sparkify status --warehouse foreign.duckdb"),
    ("own.sql", "the SQL of a file is run by sparkify query --file own.sql"),
    ("--warehouse x.duckdb load", "options come after the command, such as sparkify plan --warehouse"),
    ("--nonsense", "No such option '--nonsense'; a command comes first"),
    # ---- arguments ----
    ("load data/log_data", "load takes no argument 'data/log_data'; did you mean --log-data data/log_data?"),
    ("load data/log_data data/song_data", "did you mean --log-data data/log_data --song-data data/song_data?"),
    ("load s3://bucket/logs", "did you mean --log-data s3://bucket/logs?"),
    ("load one.json.gz", "did you mean --log-data one.json.gz?"),
    ("load other.duckdb", "did you mean --warehouse other.duckdb?"),
    ("load events", "sparkify load --help lists what it takes"),
    ("status other.duckdb", "did you mean --warehouse other.duckdb?"),
    ("check redshift://me@host/dev", "did you mean --warehouse redshift://me@host/dev?"),
    ("rejects missing:song", "did you mean --reason missing:song?"),
    ("rejects 1", "did you mean --load 1?"),
    ("rejects events", "did you mean --dataset events?"),
    ("report page.html", "did you mean --output page.html?"),
    ("report 2018-11", "did you mean --from 2018-11?"),
    ("undo 1 2", "no place for '2'; give one load at a time"),
    ("undo", "Missing argument 'LOAD_ID'; for example sparkify undo 3"),
    ("undo last", "'last' is not a whole number"),
    ("export out users", "no place for 'users'; did you mean --tables users?"),
    ("export", "Missing argument 'DIR'; for example sparkify export lake"),
    ("compare", "Missing argument 'WAREHOUSE'; for example sparkify compare sparkify.duckdb"),
    ("compare other.duckdb", "there is no warehouse sparkify.duckdb yet"),
    ("compare a b c", "no place for 'c'"),
    ("query SELECT 1", """SQL is one word: put it in quotes, as in sparkify query --sql "SELECT 1\""""),
    ("query 'SELECT 1'", 'SQL is run by sparkify query --sql "SELECT 1"'),
    ("query \"FROM users WHERE level = 'paid'\"", """query --sql "FROM users WHERE level = 'paid'\""""),
    ("query songplays", """is a table, not a question; ask a table with --sql "FROM songplays LIMIT 10\""""),
    ("query songplay", """'songplay' is no question; ask a table with --sql "FROM songplays LIMIT 10\""""),
    ("query own.sql", "did you mean --file own.sql?"),
    ("query other.duckdb", "did you mean --warehouse other.duckdb?"),
    ("query top_songs 5", "no place for '5'; did you mean --top 5?"),
    ("query top_songs paid", "did you mean --level paid?"),
    ("query hours 2018-11-05", "did you mean --from 2018-11-05?"),
    ("query top-songs", "there is no question 'top-songs'; did you mean top_songs?"),
    ("simulate data/log_data there", "simulate --help lists what it takes"),
    # ---- options ----
    ("load --logdata data/log_data", "No such option '--logdata'; did you mean --log-data?"),
    ("load --log_data data/log_data", "did you mean --log-data?"),
    ("load --Log-Data data/log_data", "did you mean --log-data?"),
    ("load --source data/log_data", "did you mean --log-data?"),
    ("load --songs data/song_data", "did you mean --song-data?"),
    ("load --db other.duckdb", "did you mean --warehouse?"),
    ("load -w other.duckdb", "did you mean --warehouse?"),
    ("load --jobs 4", "did you mean --threads?"),
    ("load --full-refresh", "did you mean --reread?"),
    ("load --max-errors 5", "did you mean --max-rejects?"),
    ("load --dryrun", "did you mean --dry-run?"),
    ("load --verbose", "progress and messages are shown anyway, and --log-sql FILE keeps the statements"),
    ("load --password secret", "set SPARKIFY_DB_PASSWORD"),
    ("load --region us-west-2", "AWS_REGION"),
    ("load --nonsense", "sparkify load --help lists its options"),
    ("check --log-data data/log_data", "check does not use it, but plan, load, "),
    ("check --top 3", "check does not use it, but query and report do"),
    ("query top_songs --limit 5", "did you mean --top?"),
    ("query top_songs --since 2018-11-01", "did you mean --from?"),
    ("query top_songs --until 2018-11-01", "did you mean --to?"),
    ("query top_songs --csv", "did you mean --format csv?"),
    ("query -c 'SELECT 1'", "did you mean --sql?"),
    ("query --output-format csv", "did you mean --format?"),
    ("report --out page.html", "did you mean --output?"),
    ("rejects --output bad.json", "did you mean --export?"),
    ("rejects --all", "did you mean --list?"),
    ("plan --details", "did you mean --files?"),
    ("undo 1 --force", "did you mean --yes?"),
    ("create --reset", "did you mean --drop?"),
    ("export out --table users", "did you mean --tables?"),
    ("simulate out --rows 5", "did you mean --events?"),
    ("load --max-rejects", "requires an argument"),
    ("query --sql", "requires an argument"),
    # ---- values ----
    ("load --threads many", "'many' is not a whole number"),
    ("load --threads 0", "the setting threads is not valid: it must be a whole number from 1 to 1024"),
    ("load --memory-limit 2XB", "it must be a size such as 2GB or 500MB"),
    ("load --max-rejects few --log-data data/log_data", "few"),
    ("load --config nowhere.cfg", "there is no configuration file nowhere.cfg; give an existing one"),
    ("load", "no source is set; give --log-data, --song-data or both"),
    ("load --log-data nowhere", "nowhere"),
    ("load --log-data 'data/log_data/*.json'", "a root is no pattern: give the folder data/log_data, and the names"),
    ("load --log-data gs://bucket/logs", "Google's store is read as s3://bucket/folder"),
    ("load --log-data https://host/logs", "a web address cannot be listed"),
    ("load --warehouse postgres://me@host/dev --log-data data/log_data", "redshift://user@host:5439/database"),
    ("load --warehouse redshift://me:pw@host/dev", "set SPARKIFY_DB_PASSWORD"),
    ("load --warehouse data --log-data data/log_data", "is a folder; give a file, such as data/sparkify.duckdb"),
    ("load --warehouse no/where.duckdb --log-data data/log_data", "there is no folder no; create it first"),
    ("load --log-sql no/where.sql --log-data data/log_data", "choose another file"),
    ("query top_songs W --level payed", "'payed' is not one of 'free', 'paid'"),
    ("query top_songs W --from 05.11.2018", "is not a day; write one as 2018-11-30"),
    ("query top_songs W --from 2018-11", "'2018-11' is not a day"),
    ("query top_songs W --from 2018-11-05 --to 2018-11-01", "from 2018-11-05 is after to 2018-11-01"),
    ("query top_songs W --top ten", "'ten' is not a whole number"),
    ("load --wait soon", "'soon' is not a number."),
    ("check --format json", "No such option '--format'; did you mean --json?"),
    ("report -o - W", "cannot write -: it would be a file of that name; give /dev/stdout"),
    ("query top_songs -o - W", "give /dev/stdout"),
    ("export - W", "cannot make the folder -: such a name stands for a stream"),
    ("simulate -", "cannot make the folder -"),
    ("demo -", "cannot make the folder -"),
    ("simulate ''", "'' is not a folder that can be written to; choose another folder"),
    ("demo ''", "'' is not a folder that can be written to"),
    ("simulate s3://bucket/data", "files go into a folder of this machine, not to s3://bucket/data"),
    ("demo s3://bucket/data", "write them here, then copy them"),
    ("export s3://bucket/lake W", "write them here, then copy them"),
    ("report -o s3://bucket/page.html W", "it is no file of this machine; write it here, then copy it"),
    ("rejects --export - W", "give /dev/stdout for the standard output"),
    ("query top_songs --format csv -o - W", "give /dev/stdout for the standard output"),
    ("""query --sql 'SELECT * FROM users WHERE level = "paid"' W""", "single quotes around text: 'paid'"),
    ("""query --sql "FROM 'one.csv'" W""", "Only tables and views of the warehouse can be read"),
    ("query top_songs W --format xlsx", "'xlsx' is not one of"),
    ("query top_songs W -o songs.xlsx", "the format of songs.xlsx is not known by its ending"),
    ("query --sql 'SELECT 1' --param a W", "give it as NAME=VALUE"),
    ("query --sql 'SELECT $a' --param a=1 --param a=2 W", "--param a is given twice; give it once"),
    ("query --sql 'SELECT $level' --param levl=paid W", "give one for the parameter level; one is given for levl"),
    ("query --sql 'FROM songplays JOIN songs USING (song_id) JOIN artists USING (artist_id)' W", "The view plays has"),
    ("query --sql 'DELETE FROM users' W", "only a SELECT, or EXPLAIN of one, is allowed"),
    ("query --sql 'SELECT * FROM songplay' W", "songplays"),
    ("query --sql own.sql W", "did you mean --file own.sql?"),
    ("query --sql @own.sql W", "did you mean --file own.sql?"),
    ("query --sql - W", "did you mean --file -?"),
    ("query --sql top_songs W", "top_songs is a question: sparkify query top_songs"),
    ("rejects W --reason missing_song", "did you mean missing:song?"),
    ("rejects W --load 9", "there is no load 9; the last is 1"),
    ("rejects W --file nothing", "no file nothing was loaded"),
    ("rejects W --dataset logs", "'logs' is not one of 'events', 'songs'"),
    ("rejects W --export data", "cannot write data: it is a folder"),
    ("undo 9 W --yes", "there is no load 9"),
    ("undo 1 W", "There is no terminal to ask at; give --yes to agree"),
    ("create --drop W", "give --yes to agree"),
    ("export out --tables song W", "did you mean songs?"),
    ("export notes.txt W", "notes.txt"),
    ("report -o data W", "cannot write data: it is a folder"),
    ("report -o no/where.html W", "choose another file"),
    ("simulate out --start yesterday", "'yesterday' is not a day"),
    ("simulate out --dirty 2", "dirty"),
    ("simulate out --events=-5", "events"),
    ("simulate data", "data/log_data already holds data"),
    ("status", "there is no warehouse sparkify.duckdb yet; run sparkify load, or give another --warehouse"),
    ("status --warehouse text.duckdb", "text.duckdb is not a DuckDB database; give another --warehouse"),
    ("status --warehouse foreign.duckdb", "holds other tables (mine) and none of sparkify's yet"),
    ("compare foreign.duckdb text.duckdb", "holds other tables (mine)"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "words"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_told_with_what_to_do(settled: Config, line: str, words: str) -> None:
    for dataset in ("log_data", "song_data"):
        Path("data", dataset).mkdir(parents=True)
        Path("data", dataset, "one.json").write_text("", encoding="utf-8")
    Path("own.sql").write_text("SELECT 1", encoding="utf-8")
    Path("notes.txt").write_text("text", encoding="utf-8")
    Path("text.duckdb").write_text("no database" * 1_000, encoding="utf-8")
    if "foreign.duckdb" in line:
        with duckdb.connect("foreign.duckdb") as connection:
            connection.execute("CREATE TABLE mine (a INTEGER)")
    arguments = shlex.split(re.sub(r" W\b", f" --warehouse {settled.warehouse_address}", line))
    ran = run_here(*arguments)
    assert ran.code in (2, 3, 4)
    assert ran.out == ""
    assert words in ran.err
    assert "fault" not in ran.err
