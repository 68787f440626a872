"""The generated files: `make docs` writes them, `python docs/generate.py --check` only tells what is stale.

Each `render_` function returns the whole text of one file. They read the package, and the written rest of a page of
which only a part is generated: no clock, no terminal, no warehouse. So the same package gives the same bytes.
"""

import datetime as dt
import json
import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path

import click

from sparkify.cli import cli
from sparkify.exports import export
from sparkify.questions.catalogue import list_questions, list_values
from sparkify.questions.cut import WHOLE_LOG, Cut, cut_sql, fill_sql
from sparkify.setting import Setting
from sparkify.settings import SETTINGS
from sparkify.sql import Column, Table, read_table
from sparkify.star.checks import list_checks
from sparkify.star.tables import LEDGER, STAGING, STAR, TABLES, TEXTS, VIEWS
from sparkify.validation.fields import FIELDS
from sparkify.validation.rules import RULES, FieldRule

ROOT = Path(__file__).parents[1]
_NOTE = "<!-- Made by `make docs`. Do not edit. -->\n\n"
_GROUPS = (("Staging", (*STAGING, *TEXTS)), ("Star", STAR), ("Ledger", LEDGER), ("Views", VIEWS))


# ---- Markdown ----


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _prose(text: str) -> str:
    """Text in which Markdown sees no HTML."""
    return text.replace("<", "&lt;")


def _markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(text) for text in line) + " |\n" for line in lines)


def _link_columns(text: str) -> str:
    """Names such as users.user_id as links to the table's section."""

    def link(found: re.Match[str]) -> str:
        return f"[{found[0]}](#{found[1]})" if found[1] in (*TABLES, *VIEWS) else found[0]

    return re.sub(r"\b(\w+)\.(\w+)\b", link, text)


def render_tables() -> str:
    """docs/tables.md: the data dictionary, and the checks of each table."""
    text = _NOTE + "# Tables\n\n"
    text += "Every table and view of the warehouse, as its `create.sql` in [sparkify/sql](../sparkify/sql) says. "
    text += "The same words are in the warehouse, as comments on tables, views and columns. "
    text += "Columns that hold another table's key link to it. "
    text += "Keys are held by checks, not by constraints: `sparkify check` runs all of them, "
    text += "and a load that breaks one of severity fail is rolled back.\n"
    for title, names in _GROUPS:
        text += f"\n{title}: " + ", ".join(f"[{name}](#{name})" for name in names) + ".\n"
    text += "\nThe star:\n\n" + _tables_picture(STAR)
    text += "\nStaging and the ledger:\n\n" + _tables_picture((*STAGING, *TEXTS, *LEDGER))
    for name in (*TABLES, *VIEWS):
        text += _table_section(read_table(name))
    return text


def _table_section(table: Table) -> str:
    text = f"\n## {table.name}\n\n"
    text += f"One row per: {table.header['Grain']}\\\nSource: {_link_columns(table.header['Source'])}"
    if table.kind == "VIEW":
        rows = [[f"`{column.name}`", _link_columns(column.meaning)] for column in table.columns]
        return text + "\n\n" + _markdown_table(["column", "meaning"], rows)
    text += f"\\\nOn Redshift: `{table.header['Redshift']}`: {table.header['Why']}\n\n"
    rows = [
        [f"`{column.name}`", f"`{column.type}`", "no" if column.required else "yes", _link_columns(column.meaning)]
        for column in table.columns
    ]
    text += _markdown_table(["column", "type", "NULL", "meaning"], rows)
    checks = [check for check in list_checks() if check.table == table.name]
    if checks:
        text += "\nChecks:\n\n"
        text += _markdown_table(
            ["check", "severity", "why"],
            [[f"`{check.name}`", check.severity, check.why] for check in checks],
        )
    return text


_CUTS = """## Cuts

`--from DAY` and `--to DAY` (both inclusive) and `--level free|paid` cut the log; `--top N` and `--days N` set
the values in the definitions. The list above has the parameters of each question and their defaults.

A cut means the same for every question: **the answer is that of a log with only the events of these days and this
level.** So the first and the last day, the first event of a user, cohorts and windows are those of the cut. An event
counts once, by its own level; an event without a level is in no level. Of copies that differ one counts; for a play,
the same copy as in songplays. Two things are not cut: the catalogue, and the share of rejected records in `health`,
because a reject has neither day nor level.

`levels`, `conversion` and `funnel` have no `--level`, because they are about users who change it.

## Time zones

Days, weeks, months and hours are UTC, and so are the days of `--from` and `--to`, unless `--timezone` or the setting
`TIMEZONE` names another clock:

```sh
sparkify query heatmap --timezone America/Chicago
```

Every question then follows that clock. Where a definition below says UTC, that zone's time is meant. On the days on
which the clock changes, a day has 23 or 25 hours. An hour that comes twice is one hour of the heatmap. A day that the
zone left out, as Pacific/Apia did 2011-12-30, has no row. Lengths of time do not change: 14 days of silence are 14
times 24 hours.

Names are those of the IANA database, such as `America/Chicago`. It has abbreviations too: `EST` is five hours behind
UTC all year. The data comes from Python, which reads that of the system, or else that of the package `tzdata`. The
engines' own data is not used: the changes of the clock stand in the SQL as literals, so both engines give the same
answers.
`--print-sql` and the report print SQL that runs in any client. A comment in it says for which days its clock is right:
from the first event of the log to a year after the last. When the log has grown beyond that, print the SQL again.

Tables, views and exports stay UTC, also their columns `day`, `week`, `weekday` and `hour`. So `sparkify query --sql`
does not take `--timezone`.

## The SQL

A question reads `events`, `plays` and `days`. These are views of the warehouse, so each SELECT below runs as it is,
with `sparkify query --sql` or any other client, on the whole log. `sparkify query NAME` and `sparkify report` add CTEs
with the same names, made from the text of the views with the cut in the WHERE, and with the clock of a time zone around
them; the report shows the whole SQL. For example, with `--from 2018-11-05 --to 2018-11-11 --level paid` the plays are:

```sql
"""


def render_questions() -> str:
    """docs/questions.md: every prepared question, what its numbers mean, what it takes, and its SQL."""
    questions = list_questions()
    text = _NOTE + "# Prepared questions\n\n"
    text += "`sparkify query NAME` answers one, read-only; `sparkify query` lists them; "
    text += "`sparkify query NAME --help` explains the columns, and `--print-sql` prints the whole SQL. "
    text += "Each is one SELECT in [sparkify/sql/questions](../sparkify/sql/questions). "
    text += "They are listed in reading order.\n\n"
    text += _markdown_table(
        ["name", "question", "takes"],
        [
            [f"[{question.name}](#{question.name})", question.question, ", ".join(map(str, question.parameters))]
            for question in questions
        ],
    )
    example = cut_sql("SELECT * FROM plays", Cut(dt.date(2018, 11, 5), dt.date(2018, 11, 11), "paid").values)
    text += f"\n{_CUTS}{example}\n```\n"
    for question in questions:
        text += f"\n## {question.name}\n\n**{question.question}**\n\n{_prose(question.definition)}\n\n"
        sql = fill_sql(question.sql, list_values(question, WHOLE_LOG))
        text += f"<details><summary>SQL</summary>\n\n```sql\n{sql}\n```\n\n</details>\n"
    return text


# ---- the command line ----


def render_commands() -> str:
    """docs/commands.md: every command with its options, whatever the terminal."""
    context = click.Context(cli)
    commands = {name: command for name in cli.list_commands(context) if (command := cli.get_command(context, name))}
    common = _common_options(commands.values())
    text = _NOTE + f"# Commands\n\n{cli.help}\n\n"
    text += _markdown_table(
        ["command", "does"],
        [[f"[{name}](#sparkify-{name})", _paragraphs(command)[0]] for name, command in commands.items()],
    )
    text += f"\n{_prose(cli.epilog or '')}\n"
    text += "\n## Common options\n\n" + _markdown_table(["option", "meaning"], common.values())
    for name, command in commands.items():
        text += _command_section(name, command, common)
    return text


def _paragraphs(command: click.Command) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", command.help or "")]


def _options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def _option_row(option: click.Option) -> list[str]:
    value = "" if option.is_flag else " " + (option.metavar or option.type.name.upper())
    default = f" Default: {option.default}." if option.show_default else ""
    return [f"`{', '.join(option.opts)}{value}`", f"{option.help or ''}{default}"]


def _common_options(commands: Iterable[click.Command]) -> dict[str, list[str]]:
    """The options that stand, word for word, in more than half of the commands."""
    listed = [{str(option.name): _option_row(option) for option in _options(command)} for command in commands]
    names = {name: row for options in listed for name, row in options.items()}
    return {
        name: row
        for name, row in names.items()
        if sum(options.get(name) == row for options in listed) * 2 > len(listed)
    }


def _command_section(name: str, command: click.Command, common: dict[str, list[str]]) -> str:
    own = {str(option.name): _option_row(option) for option in _options(command)}
    has_all = common.items() <= own.items()
    if has_all:
        own = {option: row for option, row in own.items() if option not in common}
    usage = ["sparkify", name, "[OPTIONS]"]
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            word = parameter.metavar or str(parameter.name).upper()
            usage.append(word if parameter.required or word.startswith("[") else f"[{word}]")
    text = f"\n## sparkify {name}\n\n" + "\n\n".join(_paragraphs(command)) + "\n\n"
    text += f"Usage: `{' '.join(usage)}`\n"
    if own:
        text += "\n" + _markdown_table(["option", "meaning"], own.values())
    if has_all:
        text += "\n" + ("And" if own else "Takes") + " the [common options](#common-options).\n"
    examples = getattr(command, "examples", ())
    return text + (f"\n```sh\n{chr(10).join(examples)}\n```\n" if examples else "")


# ---- the settings ----


def render_configuration() -> str:
    """docs/configuration.md, with the table of the settings in its place."""
    table = _markdown_table(
        ["setting", "option", "environment", "dwh.cfg", "default", "meaning"],
        [
            [
                f"`{setting.name}`",
                f"`{setting.option}`" if setting.option else "",
                f"`{setting.variable}`",
                f"`[{setting.section}]` `{setting.key}`",
                setting.default_in_words or "none",
                _explain(setting),
            ]
            for setting in SETTINGS
        ],
    )
    return replace_part((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"), "settings", table)


def render_example() -> str:
    """dwh.cfg.example: every setting, none of them set."""
    text = "# Made by `make docs`. Copy it to dwh.cfg and fill in what you need: what is empty counts as not given.\n"
    text += "# Options and SPARKIFY_* environment variables win over this file; see docs/configuration.md.\n"
    section = ""
    for setting in SETTINGS:
        if setting.section != section:
            section = setting.section
            text += f"\n[{section}]\n"
        default = f" Default: {setting.default_in_words}." if setting.default_in_words else ""
        text += "".join(f"# {line}\n" for line in textwrap.wrap(_explain(setting) + default, 118))
        text += f"{setting.key} =\n"
    return text + _EXAMPLE_OF_KEYS


_EXAMPLE_OF_KEYS = """
# Where keys of the data have other names: FIELD = name of the key, or a constant in quotes; docs/records.md has the
# fields.
[EVENT_KEYS]
# length = duration
# page = 'NextSong'

[SONG_KEYS]
# title = track_name
"""


def _explain(setting: Setting) -> str:
    return f"{setting.help} From {setting.bounds[0]} to {setting.bounds[1]}." if setting.bounds else setting.help


def replace_part(page: str, name: str, part: str) -> str:
    """A page with its part between two markers replaced. Raises ValueError where there is no such part."""
    start, end = f"<!-- {name}: made by `make docs`, do not edit -->\n", f"<!-- end of {name} -->"
    before, has_start, rest = page.partition(start)
    _, has_end, after = rest.partition(end)
    if not (has_start and has_end):
        raise ValueError(f"there is no part between {start.strip()} and {end}")
    return f"{before}{start}\n{part}\n{end}{after}"


# ---- the rules and the fields ----


def render_records() -> str:
    """docs/records.md, with the tables of the rules and of each dataset's fields in their places."""
    page = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    rules = [
        [str(place), f"`{rule.code}{':FIELD' if isinstance(rule, FieldRule) else ''}`", rule.says]
        for place, rule in enumerate(RULES, 1)
    ]
    page = replace_part(page, "rules", _markdown_table(["order", "code", "A record is rejected when"], rules))
    for dataset, fields in FIELDS.items():
        rows = [
            [
                f"`{field.name}`",
                field.kind,
                field.range.says if field.kind == "whole" else "",
                field.needed,
                f"`{field.example}`",
            ]
            for field in fields
        ]
        page = replace_part(page, dataset, _markdown_table(["field", "kind", "range", "needed", "example"], rows))
    return page


# ---- pictures, in Mermaid ----

# In the comment after a column, the key of another table that it holds.
_REFERENCE = re.compile(r": (\w+)\.(\w+)")


def render_readme() -> str:
    """README.md, with the pictures of the flow and of the star in their places."""
    page = replace_part((ROOT / "README.md").read_text(encoding="utf-8"), "flow", _flow_picture())
    return replace_part(page, "star", _tables_picture(STAR))


def render_architecture() -> str:
    """docs/architecture.md, with the picture of the flow and the list of the layers in their places."""
    page = replace_part((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), "flow", _flow_picture())
    return replace_part(page, "layers", _list_layers())


def _list_layers() -> str:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = settings["tool"]["importlinter"]["contracts"]
    # Parentheses mark a layer that may be missing.
    layers = [re.sub(r"[()]", "", layer).replace(" : ", ", ") for layer in contract["layers"]]
    return "\n".join(["```text", *layers, "```\n"])


def _mermaid(lines: Iterable[str]) -> str:
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def _flow_picture() -> str:
    """From files over the validator and staging to the star. What a table is made of is its line `Source`."""
    rules = "<br>".join(rule.code for rule in RULES)
    lines = [
        "flowchart LR",
        '    log[("log data")] & song[("song data")]',
        f'    log & song --> validator["<b>validator</b><br>{rules}"]',
        '    subgraph warehouse["the warehouse: a load is one transaction"]',
    ]
    for title, names in _GROUPS:
        if names is not VIEWS:
            lines += [f"        subgraph {title}", f"            {' & '.join(names)}", "        end"]
    lines += ["    end", *(f"    validator --> {table}" for table in STAGING)]
    lines.append("    validator -- rejects --> rejected_records")
    for table in (*TEXTS, *STAR):
        words = re.findall(r"\w+", read_table(table).header["Source"])
        lines += [f"    {source} --> {table}" for source in dict.fromkeys(words) if source in TABLES]
    return _mermaid(lines)


def _tables_picture(names: Sequence[str]) -> str:
    """Some tables with their columns, and a line for each column that holds the key of another of them.

    Tables with few such lines come first: Mermaid then draws no line behind a box.
    """
    links: dict[str, list[str]] = {}
    boxes: list[str] = []
    for table in map(read_table, names):
        boxes.append(f"    {table.name} {{")
        for column in table.columns:
            reference = _REFERENCE.search(column.meaning)
            if reference and reference[1] in names:
                one = "||" if column.required else "|o"
                line = f'    {reference[1]} {one}--o{{ {table.name} : "{column.name}"'
                links.setdefault(table.name, []).append(line)
            boxes.append(f"        {_plain_type(column)} {column.name} {_key_mark(table, column)}".rstrip())
        boxes.append("    }")
    ordered = sorted(links.values(), key=len)
    return _mermaid(["erDiagram", *chain(*ordered), *boxes])


def _plain_type(column: Column) -> str:
    return {"VARCHAR": "text", "CHAR": "text", "DOUBLE PRECISION": "double"}.get(
        column.type.partition("(")[0], column.type.lower()
    )


def _key_mark(table: Table, column: Column) -> str:
    found = _REFERENCE.search(column.meaning)
    marks = {"PK": column.name in table.primary_key, "FK": bool(found and found[1] in TABLES)}
    return ", ".join(mark for mark, holds in marks.items() if holds)


# ---- sources of dbt ----

_DBT = """# Made by `make docs`. Do not edit. The tables and views of a warehouse as sources for dbt: docs/bi.md.
version: 2

sources:
  - name: sparkify
    description: Sparkify's data warehouse.
    # That of `attach` with dbt-duckdb; on Redshift the database and the schema of the warehouse.
    database: "{{ var('sparkify_database', 'sparkify') }}"
    schema: "{{ var('sparkify_schema', 'main') }}"
    tables:
"""


def render_dbt() -> str:
    """docs/dbt/sparkify.yml: what an export has, with meanings, and the keys as tests."""
    text = _DBT
    for table in map(read_table, export.TABLES):
        text += f"      - name: {table.name}\n"
        text += f"        description: {json.dumps(table.describe(), ensure_ascii=False)}\n"
        text += "        columns:\n"
        for column in table.columns:
            text += f"          - name: {column.name}\n"
            text += f"            description: {json.dumps(column.meaning, ensure_ascii=False)}\n"
            text += _key_tests(table, column)
    return text


def _key_tests(table: Table, column: Column) -> str:
    """The tests of dbt that hold the keys of a table, for one column. A view has those of its tables."""
    tests = ["not_null"] if column.required else []
    if table.primary_key == [column.name]:
        tests.insert(0, "unique")
    found = _REFERENCE.search(column.meaning)
    if found and table.kind == "TABLE" and found[1] in STAR:
        target = f"{{ to: \"source('sparkify', '{found[1]}')\", field: {found[2]} }}"
        tests.append(f"relationships: {{ arguments: {target} }}")
    return "            data_tests:\n" + "".join(f"              - {test}\n" for test in tests) if tests else ""


# ---- writing ----

RENDERERS: dict[str, Callable[[], str]] = {
    "docs/tables.md": render_tables,
    "docs/commands.md": render_commands,
    "docs/configuration.md": render_configuration,
    "docs/questions.md": render_questions,
    "docs/records.md": render_records,
    "docs/architecture.md": render_architecture,
    "README.md": render_readme,
    "docs/dbt/sparkify.yml": render_dbt,
    "dwh.cfg.example": render_example,
}


def main(check: bool = False, folder: Path = ROOT) -> list[str]:
    """Write the files whose text has changed, or with `check` write none. Returns the names of the stale ones."""
    stale = []
    for name, render in RENDERERS.items():
        path, text = folder / name, render()
        if not path.is_file() or path.read_bytes() != text.encode():
            stale.append(name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode())
    return stale


if __name__ == "__main__":
    only_check = "--check" in sys.argv[1:]
    changed = main(only_check)
    for name in changed:
        print(f"{name} is stale: run make docs" if only_check else f"wrote {name}")
    sys.exit(1 if only_check and changed else 0)
