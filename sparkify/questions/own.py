"""Questions of a user's own: a folder of `.sql` files with the header that the prepared questions have.

    -- What do they listen on?
    -- Plays by the first word of the user agent. It does not say which device it was.
    -- Drawing: bars browser plays.
    -- Parameters: from, to, level.
    SELECT split_part(user_agent, '/', 1) AS browser, count(*) AS plays FROM plays GROUP BY browser ORDER BY plays DESC

The first line is the question, the next ones say what its numbers mean; all others may be left out. `Drawing:` names a
kind and the columns that it draws, and `Chapter: music 25.` a place among the prepared questions. A file with a mistake
is read too, with a sentence that says what is wrong, so that it does not hold up the others. Nothing here runs SQL.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from sparkify.errors import UsageError
from sparkify.questions.catalogue import CHAPTERS, Parameter, Question, read_parameters
from sparkify.questions.cut import NUMBERS, OWN_VIEWS, list_placeholders

# The chapter of those that name none.
CHAPTER = "own"
_CHAPTERS = [*list(CHAPTERS)[1:], CHAPTER]
# Kinds of drawings, with the least and the most columns that they take.
_KINDS = {"bars": (2, 2), "line": (2, 5)}
_EXAMPLES = {"bars": "bars NAME NUMBER", "line": "line DAY NUMBER, with up to four numbers"}
_MOST_BYTES = 1_000_000
_COMMENT = "--"
# What names no table, whatever it holds.
_TEXTS = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_VIEW = rf'"?\b({"|".join(OWN_VIEWS)})\b"?'
# A column may have the name of a view: sessions.plays, and count(*) AS plays.
_READ = re.compile(
    rf"(?:\b(?:FROM|JOIN|TABLE|PIVOT|UNPIVOT|DESCRIBE|SUMMARIZE)\b|[,(])\s*{_VIEW}(?!\s*[.(])", re.IGNORECASE
)
_NAME = r'(?:"[^"]+"|\w+)'
_OF_SCHEMA = re.compile(
    rf"\b(?:FROM|JOIN)\s+(?:[\w\".]+(?:\s+(?:AS\s+)?{_NAME})?\s*,\s*)*((?:{_NAME}\s*\.\s*)+{_VIEW})", re.IGNORECASE
)
_SAME_NAME = re.compile(
    rf"(?:\bWITH|\bRECURSIVE|,)\s+{_VIEW}\s*(?:\([^()]*\)\s*)?AS\s+(?:(?:NOT\s+)?MATERIALIZED\s*)?\(", re.IGNORECASE
)
_DIRECTIVE = re.compile(r"(Chapter|Totals|Drawing|Parameters):\s*(.*?)\.?\s*")


@dataclass(frozen=True)
class Chart:
    """A declared drawing: its kind, the columns that it draws, and the line of the file that declares it."""

    kind: str
    columns: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class OwnQuestion:
    """One file: the question, the line where its SQL begins, and what is wrong with the file, if anything is."""

    file: str
    question: Question
    chart: Chart | None = None
    sql_line: int = 1
    mistake: str | None = None


class _MistakeError(Exception):
    """What is wrong, as a sentence without the file, at a line or in the whole file."""

    def __init__(self, words: str, line: int | None = None) -> None:
        super().__init__(words)
        self.line = line


def read_questions(folder: str | os.PathLike[str]) -> list[OwnQuestion]:
    """The questions of a folder, by the names of their files. Raises UsageError if it cannot be read or has none."""
    place = Path(folder)
    try:
        files = sorted(file for file in place.iterdir() if file.suffix.lower() == ".sql")
    except OSError as error:
        raise UsageError(
            f"cannot read the questions in {place}: {error.strerror}; give a folder of .sql files"
        ) from None
    except ValueError:
        raise UsageError(f"{str(place)!a} is not the name of a folder; give a folder of .sql files") from None
    if not files:
        raise UsageError(f"there is no .sql file in {place}; give a folder of .sql files")
    return [_read_file(file) for file in files]


def tell_mistake(file: str, line: int | None, words: str) -> str:
    """A mistake as a sentence that names its place."""
    return f"{file}{'' if line is None else f', line {line}'}: {words}"


def _read_file(file: Path) -> OwnQuestion:
    # A name that is no UTF-8 is shown, not used.
    name = file.name.encode(errors="replace").decode()
    stem = name[: -len(".sql")]
    nothing = OwnQuestion(name, Question(stem, stem, "", "", CHAPTER, 0))
    try:
        return _parse(nothing, _read_text(file))
    except _MistakeError as mistake:
        return replace(nothing, mistake=tell_mistake(name, mistake.line, str(mistake)))


def _read_text(file: Path) -> str:
    try:
        # Reading a pipe would wait for a writer.
        if not file.is_file():
            raise _MistakeError("it is not a file; give a file with SQL")
        if file.stat().st_size > _MOST_BYTES:
            raise _MistakeError(f"it has more than {_MOST_BYTES:,} bytes; write a shorter SELECT")
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _MistakeError(f"it cannot be read: {error.strerror}") from None
    except ValueError:
        raise _MistakeError("it is not UTF-8; write it in UTF-8") from None
    if "\0" in text:
        raise _MistakeError("it holds a NUL character; write it as text")
    return text


def _parse(nothing: OwnQuestion, text: str) -> OwnQuestion:
    # Not splitlines: other characters that it takes for the end of a line may be in a literal.
    lines = re.split(r"\r\n?|\n", text)
    end = next((number for number, line in enumerate(lines) if not line.startswith(_COMMENT)), len(lines))
    texts: list[str] = []
    directives: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines[:end], 1):
        words = line.removeprefix(_COMMENT).strip()
        if not (found := _DIRECTIVE.fullmatch(words)):
            texts += [words] if words else []
        elif found[1] in directives:
            raise _MistakeError(f"the header has two lines {found[1]}; leave one", number)
        else:
            directives[found[1]] = (found[2], number)
    if len(texts) < 2:
        raise _MistakeError(
            "the header has to begin with a line -- question, and a line -- what its numbers mean; add them", 1
        )
    sql = "\n".join(lines[end:]).rstrip()
    if not sql.strip():
        raise _MistakeError("below the header is no SQL; add a SELECT", max(1, end))
    chapter, place = _read_chapter(*directives.get("Chapter", (CHAPTER, 0)))
    totals = directives.get("Totals", (None, 0))[0]
    parameters = _read_parameters(sql, *directives.get("Parameters", ("", 0)))
    question = Question(nothing.question.name, texts[0], " ".join(texts[1:]), sql, chapter, place, parameters, totals)
    chart = _read_chart(*directives["Drawing"]) if "Drawing" in directives else None
    return OwnQuestion(nothing.file, question, chart, end + 1)


def _read_chapter(text: str, line: int) -> tuple[str, int]:
    found = re.fullmatch(r"(\w+)(?: ([0-9]{1,6}))?", text)
    if found is None or found[1] not in _CHAPTERS:
        raise _MistakeError(f"there is no chapter {text!r}; give one of {', '.join(_CHAPTERS)} and a number", line)
    return found[1], int(found[2] or 0)


def _read_parameters(sql: str, text: str, line: int) -> tuple[Parameter, ...]:
    try:
        # Without a line, there are none.
        parameters = read_parameters(text) if line else ()
    except ValueError as error:
        raise _MistakeError(f"{error}; give from, to, level, top = 20 and days = 14, or some of them", line) from None
    if given := next((one for one in parameters if one.name not in NUMBERS and one.default is not None), None):
        raise _MistakeError(f"{given.name} has no default; write {given.name} alone", line)
    for name in NUMBERS:
        listed = next((one for one in parameters if one.name == name), None)
        if listed is None and name in list_placeholders(sql):
            raise _MistakeError(
                f"the SQL has :{name}, which no line -- Parameters: lists; add {name} = 20 to it", line or 1
            )
        if listed is not None and listed.default is None:
            raise _MistakeError(f"{name} has no value; write {name} = 20", line)
    cuts = [one.name for one in parameters if one.name not in NUMBERS]
    tables = _TEXTS.sub("''", sql)
    if found := _SAME_NAME.search(tables):
        raise _MistakeError(
            f"the SQL has a CTE {found[1]}, which is the name of a view that is cut; rename it", line or 1
        )
    if cuts and (found := _OF_SCHEMA.search(tables)):
        raise _MistakeError(
            f"{cuts[0]} would not cut {found[1]}, because it is named with its schema; write {found[2]}", line
        )
    if cuts and not _READ.search(tables):
        raise _MistakeError(
            f"{cuts[0]} would change nothing: the SQL reads neither plays, events, sessions nor days; read one of them",
            line,
        )
    return parameters


def _read_chart(text: str, line: int) -> Chart:
    kind, *columns = re.findall(r'"[^"]+"|[^\s,]+', text) or [""]
    if kind not in _KINDS:
        raise _MistakeError(f"there is no drawing {kind!r}; give {' or '.join(_EXAMPLES.values())}", line)
    least, most = _KINDS[kind]
    if not least <= len(columns) <= most:
        raise _MistakeError(f"a drawing of {kind} takes other columns; give {_EXAMPLES[kind]}", line)
    return Chart(kind, tuple(column.strip('"') for column in columns), line)
