"""The generated files: `make docs` writes them, `python docs/generate.py --check` only tells what is stale.

Each `render_` function returns the whole text of one file. They read the package, and the written rest of a page of
which only a part is generated: no clock, no terminal, no warehouse. So the same package gives the same bytes.
"""

import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

import click

from sparkify.cli import cli
from sparkify.questions import list_questions
from sparkify.settings import SETTINGS, Setting
from sparkify.sql import Column, Table, read_table
from sparkify.star.checks import list_checks
from sparkify.star.tables import LEDGER, STAGING, STAR, TABLES, VIEWS
from sparkify.validation.fields import FIELDS
from sparkify.validation.rules import RULES, FieldRule

ROOT = Path(__file__).parents[1]
_NOTE = "<!-- Made by `make docs`. Do not edit. -->\n\n"
_REFERENCE = re.compile(r": (\w+)\.(\w+)")
_GROUPS = (("Staging", STAGING), ("Star", STAR), ("Ledger", LEDGER), ("Views", VIEWS))


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

`--from DAY` and `--to DAY` (UTC days, both inclusive) and `--level free|paid` cut the log; `--top N` and `--days N` set
what the definition names. The list above says what each question takes, and what stands where nothing is given.

One rule says what a cut means, whatever the question: **the answer is the one that a log of only those days' events at
that level would give.** So the first and the last day, who is seen first, cohorts and windows are those of the cut. An
event counts by its own level, one without a level by none; a play by the level of its row in songplays. Two things are
not cut: the catalogue, and the share of rejected records in `health`, for a reject has neither day nor level.

Where users change their level there is no `--level`: `levels`, `conversion` and `funnel`.
"""


def render_questions() -> str:
    """docs/questions.md: every prepared question, what its numbers mean, what it takes, and its SQL."""
    questions = list_questions()
    text = _NOTE + "# Prepared questions\n\n"
    text += "`sparkify query NAME` answers one, read-only; `sparkify query` lists them. "
    text += "Each is one SELECT in [sparkify/sql/questions](../sparkify/sql/questions); "
    text += "its parameters are bound as `$1`, `$2` … in the order of the list.\n\n"
    text += _markdown_table(
        ["name", "question", "takes"],
        [
            [f"[{question.name}](#{question.name})", question.question, ", ".join(map(str, question.parameters))]
            for question in questions
        ],
    )
    text += f"\n{_CUTS}"
    for question in questions:
        text += f"\n## {question.name}\n\n**{question.question}**\n\n{_prose(question.definition)}\n\n"
        text += f"<details><summary>SQL</summary>\n\n```sql\n{question.sql}\n```\n\n</details>\n"
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
    return text


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
    return text


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


# ---- the picture ----

_WIDTH = 1090
_TOP = 62
_ROW = 17
_HEAD = 28
_PAD = 6
_FILES_X, _FILES_WIDTH = 28, 178
_STAGING_X, _STAR_X, _LEDGER_X, _TABLE_WIDTH = 284, 566, 846, 208

_STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2937 }
  .code { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
  .type { font-size: 11px; fill: #6b7280; text-anchor: end }
  .key { font-size: 11px; fill: #7c3aed; text-anchor: end }
  .head { font-size: 13px; font-weight: 600; fill: #ffffff }
  .group { font-size: 11px; font-weight: 600; letter-spacing: 1.5px; fill: #6b7280 }
  .back { fill: #f5f6fa; stroke: #d5d9e4 }
  .frame { fill: #eceff7; stroke: #b6bfd2; stroke-dasharray: 5 4 }
  .card { fill: #ffffff; stroke: #d5d9e4 }
  .files { fill: #52606f } .validator { fill: #0f766e } .staging { fill: #2563eb }
  .star { fill: #7c3aed } .ledger { fill: #57677d } .rejects { fill: #be123c }
  .flow { fill: none; stroke: #64748b; stroke-width: 1.6 }
  .reject { fill: none; stroke: #be123c; stroke-width: 1.6 }
  .tip { fill: #64748b } .reject-tip { fill: #be123c }
  @media (prefers-color-scheme: dark) {
    text { fill: #e3e7ef }
    .type, .group { fill: #97a3b6 } .key { fill: #b79cff } .head { fill: #ffffff }
    .back { fill: #12161f; stroke: #2c3546 } .frame { fill: #171d29; stroke: #46536b }
    .card { fill: #1d2533; stroke: #323d50 }
    .flow { stroke: #93a1b7 } .tip { fill: #93a1b7 }
    .reject { stroke: #f0648a } .reject-tip { fill: #f0648a }
  }
"""


@dataclass(frozen=True)
class Box:
    """One card of the picture. `lines` are (left, right, class of right) in rows under the title."""

    title: str
    kind: str
    x: int
    y: int
    width: int
    lines: tuple[tuple[str, str, str], ...]
    code: bool = True

    @property
    def height(self) -> int:
        return _HEAD + 2 * _PAD + _ROW * len(self.lines)

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def at(self, share: float) -> int:
        """The height on the page at which this share of the box lies above."""
        return round(self.y + self.height * share)


def render_flow() -> str:
    """docs/flow.svg: from files over the validator and staging to the star, with every column."""
    boxes = _place_boxes()
    bottom = max(box.bottom for box in boxes.values())
    height = bottom + 74
    left, right = _STAGING_X - 24, _LEDGER_X + _TABLE_WIDTH + 20
    frame = f'x="{left}" y="{_TOP - 42}" width="{right - left}" height="{bottom - _TOP + 62}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title desc">',
        '<title id="title">From files to the star</title>',
        '<desc id="desc">Log data and song data pass the validator. It fills staging_events, staging_songs and '
        "rejected_records. From staging come users, songplays, songs and artists; from songplays comes time.</desc>",
        f"<style>{_STYLE}</style>",
        _marker("tip"),
        _marker("reject-tip"),
        f'<rect class="back" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="14"/>',
        f'<rect class="frame" {frame} rx="10"/>',
        *_captions(boxes, bottom),
        *_arrows(boxes),
        *(_draw(box) for box in boxes.values()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _marker(name: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" '
        f'markerUnits="userSpaceOnUse"><path class="{name}" d="M0 0L8 4L0 8z"/></marker>'
    )


def _short_type(column: Column) -> tuple[str, str]:
    reference = _REFERENCE.search(column.meaning)
    if reference and reference[1] in TABLES:
        return f"→ {reference[1]}", "key"
    short = {"VARCHAR": "text", "DOUBLE PRECISION": "double"}
    name = column.type.split("(")[0]
    return short.get(name, column.type.lower()), "type"


def _table_box(name: str, kind: str, x: int, y: int) -> Box:
    lines = tuple((column.name, *_short_type(column)) for column in read_table(name).columns)
    return Box(name, kind, x, y, _TABLE_WIDTH, lines)


def _stack(names: Iterable[str], kind: str, x: int, y: int, gap: int) -> list[Box]:
    boxes = []
    for name in names:
        boxes.append(_table_box(name, kind, x, y))
        y = boxes[-1].bottom + gap
    return boxes


def _place_boxes() -> dict[str, Box]:
    staging = _stack(STAGING, "staging", _STAGING_X, _TOP, 26)
    rejects = _table_box("rejected_records", "rejects", _STAGING_X, staging[-1].bottom + 26)
    column = ("users", "songplays", "songs", "artists")
    used = sum(_table_box(name, "star", 0, 0).height for name in column)
    star = _stack(column, "star", _STAR_X, _TOP, (rejects.bottom - _TOP - used) // (len(column) - 1))
    time = _table_box("time", "star", _LEDGER_X, star[1].y - 60)
    ledger = _stack(("load_files", "load_history"), "ledger", _LEDGER_X, 0, 26)
    down = rejects.bottom - ledger[-1].bottom
    ledger = _stack(("load_files", "load_history"), "ledger", _LEDGER_X, down, 26)
    boxes = {box.title: box for box in (*staging, rejects, *star, time, *ledger)}
    return _file_boxes(rejects.bottom) | boxes


def _file_boxes(bottom: int) -> dict[str, Box]:
    """Log data at the top, song data at the bottom, the validator half-way."""

    def box(title: str, kind: str, y: int, lines: Iterable[str], code: bool) -> Box:
        return Box(title, kind, _FILES_X, y, _FILES_WIDTH, tuple((line, "", "type") for line in lines), code)

    names = ".json .jsonl .ndjson", "plain, .gz or .zst"
    log = box("log data", "files", _TOP, ("one event a line", *names), False)
    songs = box("song data", "files", bottom - log.height, ("one song a line", *names), False)
    lines = [
        *(f"{place} {rule.code}" for place, rule in enumerate(RULES, 1)),
        "",
        "records read",
        "= loaded + rejected",
    ]
    validator = box("validator", "validator", 0, lines, True)
    validator = replace(validator, y=(_TOP + bottom - validator.height) // 2)
    return {box.title: box for box in (log, songs, validator)}


def _captions(boxes: dict[str, Box], bottom: int) -> list[str]:
    def caption(text: str, x: int, y: int) -> str:
        return f'<text class="group" x="{x}" y="{y}">{escape(text)}</text>'

    return [
        caption("FILES", _FILES_X, _TOP - 12),
        caption("STAGING", _STAGING_X, _TOP - 12),
        caption("STAR", _STAR_X, _TOP - 12),
        caption("LEDGER", _LEDGER_X, boxes["load_files"].y - 12),
        f'<text class="group" x="{_LEDGER_X + _TABLE_WIDTH}" y="{_TOP - 12}" text-anchor="end">ONE TRANSACTION</text>',
        f'<text x="{_FILES_X}" y="{bottom + 50}">The star is a function of staging: a load computes the keys that it '
        "touches, or all of them. A play matches a song by exact title and artist name.</text>",
    ]


def _arrows(boxes: dict[str, Box]) -> list[str]:
    def across(start: str, out: float, end: str, into: float, kind: str = "flow") -> str:
        a, b = boxes[start], boxes[end]
        x1, y1, x2, y2 = a.right, a.at(out), b.x - 2, b.at(into)
        bend = (x2 - x1) // 2
        tip = "tip" if kind == "flow" else "reject-tip"
        path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
        return f'<path class="{kind}" marker-end="url(#{tip})" d="{path}"/>'

    def along(start: int, end: int) -> str:
        return f'<path class="flow" marker-end="url(#tip)" d="M{_FILES_X + _FILES_WIDTH // 2} {start}V{end}"/>'

    songplays, time = boxes["songplays"], boxes["time"]
    level = (songplays.y + 40 - time.y) / time.height
    return [
        along(boxes["log data"].bottom, boxes["validator"].y - 2),
        along(boxes["song data"].y, boxes["validator"].bottom + 2),
        across("validator", 0.3, "staging_events", 0.5),
        across("validator", 0.5, "staging_songs", 0.4),
        across("validator", 0.7, "rejected_records", 0.5, "reject"),
        across("staging_events", 0.4, "users", 0.5),
        across("staging_events", 0.6, "songplays", 0.35),
        across("staging_songs", 0.25, "songplays", 0.8),
        across("staging_songs", 0.5, "songs", 0.5),
        across("staging_songs", 0.75, "artists", 0.5),
        across("songplays", 40 / songplays.height, "time", level),
    ]


def _draw(box: Box) -> str:
    code = ' class="code"' if box.code else ""
    tab = f"M{box.x} {box.y + _HEAD}v-{_HEAD - 7}q0-7 7-7h{box.width - 14}q7 0 7 7v{_HEAD - 7}z"
    parts = [
        f'<rect class="card" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="7"/>',
        f'<path class="{box.kind}" d="{tab}"/>',
        f'<text class="head" x="{box.x + 12}" y="{box.y + 19}">{escape(box.title)}</text>',
    ]
    y = box.y + _HEAD + _PAD
    for left, value, kind in box.lines:
        y += _ROW
        parts.append(f'<text{code} x="{box.x + 12}" y="{y - 4}">{escape(left)}</text>')
        if value:
            parts.append(f'<text class="{kind}" x="{box.right - 12}" y="{y - 4}">{escape(value)}</text>')
    return "\n".join(parts)


# ---- writing ----

RENDERERS: dict[str, Callable[[], str]] = {
    "docs/tables.md": render_tables,
    "docs/commands.md": render_commands,
    "docs/configuration.md": render_configuration,
    "docs/questions.md": render_questions,
    "docs/records.md": render_records,
    "docs/flow.svg": render_flow,
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
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(text.encode())
    return stale


if __name__ == "__main__":
    only_check = "--check" in sys.argv[1:]
    changed = main(only_check)
    for name in changed:
        print(f"{name} is stale: run make docs" if only_check else f"wrote {name}")
    sys.exit(1 if only_check and changed else 0)
