"""What a user means who gives a command, an option or an argument that does not exist: a sentence with what to give.

Imported only then, so it may look at every command.
"""

import os
import re
from collections.abc import Iterable, Sequence
from importlib import import_module

import click

from sparkify.settings_file import closest
from sparkify.star.tables import TABLES, VIEWS

# Words of other programs, by what they are here.
_COMMANDS = {
    "load": "add append copy el elt etl extract import ingest insert process put read refresh run start sync update",
    "stage": "distribute judge part share shard split upload worker",
    "plan": "diff-files dry-run list ls pending preview scan",
    "status": "count counts describe history info inspect list-loads loads log logs schema show state stats tables",
    "rejects": "bad bad-records deadletter dlq errors failures invalid quarantine rejected reject",
    "query": "answer ask execute psql question questions select shell sql top",
    "report": "chart charts dashboard html page plot render serve ui web",
    "export": "csv download dump parquet save unload write",
    "check": "assert audit checks dq expectations quality test tests validate verify",
    "doctor": "debug diagnose env health ping troubleshoot",
    "compare": "diff difference reconcile",
    "config": "configure conf credentials options profile set settings",
    "undo": "delete remove revert rollback rm",
    "replay": "reprocess repair retry",
    "rebuild": "backfill recompute recalculate recreate transform",
    "create": "create-tables create_tables ddl drop init initialise initialize install reset setup",
    "migrate": "upgrade",
    "compact": "optimize optimise shrink vacuum",
    "simulate": "fake faker gen generate mock sample seed synth",
    "demo": "example examples quickstart tour try tutorial",
    "help": "--h ? commands man usage",
}
# The first of the options that the command has.
_OPTIONS = {
    "--warehouse": "-w -d --db --database --dest --destination --dsn --duckdb --target --url --uri --connection --host",
    "--log-data": "-i --data --dir --events-data --folder --input --log --logs --path --root --source --src --events",
    "--song-data": "--song --songs --catalogue --catalog",
    "--output": "--out --outfile --output-file --html --save --dest",
    "--export": "-o --out --output --outfile --save",
    "--from": "--after --begin --date --day --first-day --from-date --since --start --start-date",
    "--to": "--before --end --end-date --last-day --to-date --until",
    "--top": "-n --count --head --limit --max --rows",
    "--days": "--inactive --silent-days",
    "--format": "-F --csv --ndjson --parquet --markdown --md --form --as --type --output-format",
    "--sql": "-c -e -s --command --execute --query --select --statement",
    "--file": "-f --script --sql-file --path",
    "--param": "-p --params --parameter --set --var --variable",
    "--print-sql": "--compile --explain --show-sql",
    "--yes": "-y -f --assume-yes --force --no-input --no-prompt --non-interactive",
    "--json": "--format --as-json --output-format --jsonl",
    "--quiet": "--no-progress --quite --silent",
    "--dry-run": "--dry --noop --no-op --plan --preview --simulate --what-if --whatif --test",
    "--threads": "-j -t --cores --cpus --jobs --parallel --parallelism --processes --workers",
    "--memory-limit": "-m --max-memory --mem --memory --ram",
    "--wait": "--lock-timeout --retry --timeout",
    "--config": "-c --cfg --conf --config-file --settings",
    "--max-rejects": "--errors --max-bad-records --max-errors --on-error --strict --tolerance --fail-on-error",
    "--reread": "--full --full-refresh --force --all --overwrite --refresh --reload",
    "--load": "-l --id --load-id",
    "--reason": "-r --code --error --why",
    "--list": "-l --all --details --records --rows --show --full",
    "--files": "-l --all --details --list --long --verbose",
    "--drop": "--clean --force --overwrite --recreate --replace --reset",
    "--tables": "-t --table --only --select --views",
    "--with-people": "--all --names --people --pii --with-names",
    "--events": "-n --count --lines --num-events --number --records --rows --size",
    "--dirty": "--bad --bad-records --errors --faults --noise",
    "--anonymous": "--no-sign-request --public --unsigned",
    "--log-pattern": "--filter --glob --include --pattern",
    "--log-sql": "--sql-log --trace --log-file",
}
_ELSEWHERE = {
    "-v --verbose -vv --debug --loglevel --log-level": "progress and messages are shown anyway, and --log-sql FILE "
    "keeps the statements",
    "--password --passwd --pwd --token --secret": "a password is no option, which others could see; set "
    "SPARKIFY_DB_PASSWORD",
    "--user --username --port -U -h --dbname": "user, host, port and database stand in the address: --warehouse "
    "redshift://user@host:5439/database",
    "--profile --region --endpoint --endpoint-url --access-key --secret-key": "it is set in the environment, as for "
    "AWS's tools: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "--color --colour --no-color --no-colour": "NO_COLOR=1 in the environment turns colours off",
    "--version": "sparkify --version tells the version",
}
_SQL = re.compile(r"\(*\s*(select|with|from|pivot|explain|describe|show|summarize|values|insert|update|delete)\b", re.I)
_DATABASE = re.compile(r"(redshift|duckdb):.*|.*\.(duckdb|db|ddb)", re.I)
_DATA = re.compile(r"(s3a?|file)://.*|.*\.(json|jsonl|ndjson)(\.\w+)?", re.I)
# By the looks of an argument, the option that takes it. The first that the command has decides.
_LOOKS = (
    ("--warehouse", _DATABASE),
    ("--file", re.compile(r".*\.(sql|json|jsonl|ndjson)(\.\w+)?", re.I)),
    ("--output", re.compile(r".*\.(html?|csv|parquet|ndjson|md)", re.I)),
    ("--from", re.compile(r"\d{4}-\d\d(-\d\d)?")),
    ("--level", re.compile(r"free|paid")),
    ("--format", re.compile(r"csv|json|ndjson|markdown|parquet")),
    ("--dataset", re.compile(r"events|songs")),
    ("--tables", re.compile("|".join((*TABLES, *VIEWS)))),
    ("--load", re.compile(r"\d+")),
    ("--top", re.compile(r"\d+")),
    ("--max-rejects", re.compile(r"\d+%?")),
    ("--reason", re.compile(r"[a-z_]+(:\w+)?", re.I)),
)


def explain_command(words: Sequence[str], names: Sequence[str]) -> str:
    """The sentence about the words of a command line that do not begin with one of these commands."""
    word = words[0]
    rest = f" {' '.join(words[1:])}" if words[1:] else ""
    meant = _meant(word.lower(), _COMMANDS) or closest(word.lower(), names, 0.6)
    hint = "sparkify help lists them"
    if _SQL.match(word):
        hint = f"SQL is run by sparkify query --sql {_quoted(' '.join(words))}"
    elif word.lower() in names:
        hint = f"did you mean {word.lower()}?"
    elif (question := closest(word.lower(), _list_questions(), 0.85)) is not None:
        hint = f"it is a question: sparkify query {question}{rest}"
    elif meant is not None:
        hint = f"did you mean {meant}?"
    elif word.lower() in (*TABLES, *VIEWS):
        hint = f"it is a table: sparkify query --sql {_quoted(f'FROM {word} LIMIT 10')}"
    elif word.endswith(".sql"):
        hint = f"the SQL of a file is run by sparkify query --file {word}"
    elif _DATABASE.fullmatch(word):
        hint = f"a command comes first, such as sparkify status --warehouse {word}"
    elif _is_data(word):
        hint = f"data is loaded by sparkify load {_name_roots(words)}"
    return f"No such command {word!r}; {hint}"


def explain_option(option: str, command: click.Command, ctx: click.Context) -> str:
    """The sentence about an option that a command does not have."""
    own = _list_options(command)
    said = f"No such option {option!r}; "
    if isinstance(command, click.Group):
        holders = _list_holders(option, ctx)
        return said + (
            f"options come after the command, such as sparkify {holders[0]} {option}"
            if holders
            else "a command comes first: sparkify help lists them"
        )
    spelt = option.lower().replace("_", "-")
    if spelt in own:
        return f"{said}did you mean {spelt}?"
    if words := _meant(option, {hint: words for words, hint in _ELSEWHERE.items()}):
        return said + words
    meant = [one for one, words in _OPTIONS.items() if one in own and option in words.split()]
    if near := meant[:1] or [one for one in [closest(spelt, own, 0.75)] if one]:
        form = spelt.removeprefix("--") if near == ["--format"] and spelt[2:] in ("csv", "ndjson", "parquet") else ""
        return f"{said}did you mean {f'{near[0]} {form}'.strip()}?"
    if holders := _list_holders(option, ctx.parent):
        return f"{said}{command.name} does not use it, but {_enumerate(holders)}"
    return f"{said}sparkify {command.name} --help lists its options"


def explain_extra(words: Sequence[str], command: click.Command, name: str | None) -> str:
    """The sentence about arguments that a command does not take; `name` is its argument before them, if it has one."""
    own = _list_options(command)
    if "--sql" in own and name is not None and _SQL.match(name):
        return f"SQL is one word: put it in quotes, as in sparkify query --sql {_quoted(' '.join((name, *words)))}"
    said = f"{command.name} takes no argument {words[0]!r}" if name is None else f"no place for {words[0]!r}"
    if "--log-data" in own and _is_data(words[0]):
        return f"{said}; did you mean {_name_roots(words)}?"
    for option, looks in _LOOKS:
        if option in own and looks.fullmatch(words[0]):
            return f"{said}; did you mean {option} {words[0]}?"
    if "--yes" in own and words[0].isdecimal():
        return f"{said}; give one load at a time"
    return f"{said}; sparkify {command.name} --help lists what it takes"


def explain_question(name: str) -> str | None:
    """The sentence about what is given as the name of a question, and is something else; else None."""
    if _SQL.match(name) and " " in name:
        return f"{name!r} is no question; SQL is run by sparkify query --sql {_quoted(name)}"
    if (table := closest(name.lower(), (*TABLES, *VIEWS), 0.85)) is not None and not closest(
        name, _list_questions(), 0.6
    ):
        asked = f"--sql {_quoted(f'FROM {table} LIMIT 10')}"
        return f"{name!r} is {'a table, not a question' if name == table else 'no question'}; ask a table with {asked}"
    if name.lower().endswith(".sql"):
        return f"{name!r} is no question; did you mean --file {name}?"
    if _DATABASE.fullmatch(name):
        return f"{name!r} is no question; did you mean --warehouse {name}?"
    return None


def explain_sql(text: str) -> str | None:
    """The sentence about what is given as SQL, and is a file or a question; else None."""
    if text == "-" or re.fullmatch(r"@?\S+\.sql|@\S+", text, re.I):
        return f"--sql takes the SQL itself; did you mean --file {text.removeprefix('@')}?"
    if text in _list_questions():
        return f"{text} is a question: sparkify query {text}"
    return None


def explain_sql_error(sql: str, words: str) -> str | None:
    """What to write in SQL that fails with these words, where that is a common mistake; else None."""
    missing = re.search(r'column "([^"]+)" not found', words)
    if missing is not None and f'"{missing[1]}"' in sql:
        return f"""Double quotes stand around names, single quotes around text: '{missing[1]}'"""
    if "Ambiguous reference to column" in words and "artist_id" in words:
        return "The view plays has each play with the columns of its user, song and artist"
    if "file system operations are disabled" in words:
        return "Only tables and views of the warehouse can be read"
    return None


def explain_value(message: str, command: click.Command) -> str:
    """The sentence about an argument that is missing, or a value of another type: in common words, with an example."""
    told = message.rstrip(".").replace("a valid integer", "a whole number").replace("a valid float", "a number")
    examples: Sequence[str] = getattr(command, "examples", ())
    return f"{told}; for example {examples[0]}" if told.startswith("Missing argument") and examples else f"{told}."


def _meant(word: str, table: dict[str, str]) -> str | None:
    return next((meant for meant, words in table.items() if word in words.split()), None)


def _is_data(word: str) -> bool:
    # A Path raises an error for a name that no file system takes.
    return _DATA.fullmatch(word) is not None or os.path.isdir(word)  # noqa: PTH112


def _list_questions() -> list[str]:
    return [question.name for question in import_module("sparkify.questions.catalogue").list_questions()]


def _list_options(command: click.Command) -> list[str]:
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return [name for one in options for name in one.opts if name.startswith("--")]


def _list_holders(option: str, ctx: click.Context | None) -> list[str]:
    """The commands of a group that have an option."""
    if ctx is None or not isinstance(group := ctx.command, click.Group):
        return []
    commands = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
    return [
        name
        for name, command in commands.items()
        if command is not None and any(option in one.opts for one in command.params)
    ]


def _name_roots(words: Iterable[str]) -> str:
    """The options for the roots among some words."""
    return " ".join(f"{'--song-data' if 'song' in word.lower() else '--log-data'} {word}" for word in words)


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def _enumerate(names: Sequence[str]) -> str:
    several = ", ".join(names[:-1])
    return f"{several} and {names[-1]} do" if several else f"{names[0]} does"
