"""CREATE TABLE as Redshift reads it: the whole grammar is checked, PostgreSQL gets what it can enforce.

Keys are parsed and dropped, as Redshift enforces none (DG r_CREATE_TABLE_NEW); texts get a limit in bytes. What was
declared is kept as the comment of the table's row type, from which svv_table_info and pg_table_def are read.
"""

import json
from dataclasses import dataclass, field

from tests.redshift import words
from tests.redshift.expressions import rewrite
from tests.redshift.tokens import Token, closing, join, quote, quote_name, split, syntax_error, unknown, unsupported
from tests.redshift.types import ColumnType, read_type
from tests.redshift.wire import WireError

_INTEGERS = {"smallint", "integer", "bigint"}
_EXACT = _INTEGERS | {"numeric"}
_DATES = {"date", "timestamp", "timestamptz"}
_TEXTS = {"varchar", "char"}
_ALL = _EXACT | _DATES | _TEXTS | {"real", "double precision", "boolean", "time", "timetz"}
# Encoding to the types it takes: DG c_Compression_encodings.
_ENCODINGS = {
    "raw": _ALL,
    "az64": _EXACT | _DATES,
    "bytedict": _ALL - {"boolean"},
    "delta": _EXACT | {"date", "timestamp"},
    "delta32k": {"integer", "bigint", "numeric", "date", "timestamp"},
    "lzo": _ALL - {"boolean", "real", "double precision"},
    "mostly8": {"smallint", "integer", "bigint", "numeric"},
    "mostly16": {"integer", "bigint", "numeric"},
    "mostly32": {"bigint", "numeric"},
    "runlength": _ALL,
    "text255": {"varchar"},
    "text32k": {"varchar"},
    "zstd": _ALL,
}
_ATTRIBUTES = ("not", "null", "encode", "distkey", "sortkey", "unique", "primary", "references")
_MOST_SORT_COLUMNS, _MOST_INTERLEAVED = 400, 8


@dataclass
class Table:
    """What a CREATE TABLE declares."""

    columns: dict[str, ColumnType] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    not_null: list[str] = field(default_factory=list)
    encodings: dict[str, str] = field(default_factory=dict)
    distkey: str | None = None
    diststyle: str | None = None
    sortkey: list[str] = field(default_factory=list)
    sortstyle: str | None = None
    keys: list[tuple[str, list[str]]] = field(default_factory=list)
    like: str | None = None
    references: list[str] = field(default_factory=list)

    def declaration(self) -> str:
        return json.dumps({
            "diststyle": self.diststyle or "auto", "distkey": self.distkey, "sortkey": self.sortkey,
            "sortstyle": self.sortstyle or "auto", "encodings": self.encodings, "like": self.like,
            "references": self.references,
            "keys": [{"kind": kind, "columns": columns} for kind, columns in self.keys],
        })  # fmt: skip


class Reader:
    """A cursor over tokens, for grammars that are read word by word."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.place = 0

    @property
    def at_end(self) -> bool:
        return self.place >= len(self.tokens)

    def peek(self) -> Token:
        return Token("operator", "", "") if self.at_end else self.tokens[self.place]

    def next(self) -> Token:
        if self.at_end:
            raise WireError("42601", "syntax error at end of input")
        self.place += 1
        return self.tokens[self.place - 1]

    def take(self, *expected: str) -> bool:
        """Whether the words stand next; if so they are read."""
        tokens = self.tokens[self.place : self.place + len(expected)]
        if [token.value for token in tokens if token.kind == "word"] != list(expected):
            return False
        self.place += len(expected)
        return True

    def expect(self, *expected: str) -> None:
        if not self.take(*expected):
            raise syntax_error(self.next().text)

    def name(self) -> str:
        """A name; one that is reserved needs quotes: DG r_pg_keywords."""
        token = self.next()
        if not token.is_name or token.is_word(*words.RESERVED):
            raise syntax_error(token.text)
        return token.value

    def path(self) -> str:
        """A name with or without its schema, quoted for PostgreSQL."""
        names = [self.name()]
        while self.peek().is_operator("."):
            self.next()
            names.append(self.name())
        return ".".join(quote_name(name) for name in names)

    def bracket(self) -> list[Token]:
        """What stands between the brackets that come next."""
        if not self.next().is_operator("("):
            raise syntax_error(self.tokens[self.place - 1].text)
        end = closing(self.tokens, self.place - 1)
        inner = self.tokens[self.place : end]
        self.place = end + 1
        return inner

    def names(self) -> list[str]:
        parts = split(self.bracket())
        return [_single_name(part) for part in parts]

    def end(self) -> None:
        if not self.at_end:
            raise syntax_error(self.next().text)


def _single_name(part: list[Token]) -> str:
    reader = Reader(part)
    name = reader.name()
    reader.end()
    return name


@dataclass(frozen=True)
class Created:
    """A CREATE TABLE for PostgreSQL, the statement that keeps what was declared, and the tables that have to exist."""

    sql: str
    declare: str
    references: tuple[str, ...]


def create_table(reader: Reader, *, serverless: bool) -> Created:
    """Reads what stands behind the word CREATE."""
    temporary = reader.take("temp") or reader.take("temporary")
    if reader.take("local"):
        temporary = reader.take("temp") or reader.take("temporary")
    reader.expect("table")
    condition = "IF NOT EXISTS " if reader.take("if", "not", "exists") else ""
    name = reader.path()
    start = f"CREATE {'TEMP ' if temporary else ''}TABLE {condition}{name} "
    table = Table()
    if reader.peek().is_operator("(") and not _is_query(reader):
        for part in split(reader.bracket()):
            _read_part(table, Reader(part), serverless=serverless)
        _read_attributes(table, reader)
        reader.end()
        _check(table)
        body = f"({', '.join(table.parts)})"
    else:
        _read_attributes(table, reader)
        reader.expect("as")
        if condition:
            # DG r_CREATE_TABLE_AS has no such words.
            raise syntax_error("AS")
        body = "AS " + join(rewrite(reader.tokens[reader.place :], serverless=serverless))
    declare = f"SELECT redshift_declare({quote(name)}, {quote(table.declaration())})"
    return Created(start + body, declare, tuple(one for one in table.references if one != name))


def add_column(reader: Reader, *, serverless: bool) -> str:
    """The clause of ALTER TABLE ... ADD COLUMN behind those words."""
    table = Table()
    _read_part(table, reader, serverless=serverless)
    if len(table.columns) != 1:
        raise unknown("ALTER TABLE ADD with a constraint")
    return table.parts[0]


def _is_query(reader: Reader) -> bool:
    end = closing(reader.tokens, reader.place)
    after = reader.tokens[end + 1 : end + 2]
    return bool(after) and after[0].is_word("as")


def _read_part(table: Table, reader: Reader, *, serverless: bool) -> None:
    if reader.take("like"):
        table.like = reader.path()
        defaults = ""
        if reader.take("including", "defaults"):
            defaults = " INCLUDING DEFAULTS"
        else:
            reader.take("excluding", "defaults")
        reader.end()
        # The limits in bytes are constraints here.
        table.parts.append(f"LIKE {table.like} INCLUDING CONSTRAINTS{defaults}")
    elif reader.peek().is_word("constraint", "primary", "unique", "foreign", "check"):
        if reader.take("constraint"):
            reader.name()
        _read_key(table, reader)
        reader.end()
    else:
        _read_column(table, reader, serverless=serverless)


def _read_key(table: Table, reader: Reader) -> None:
    if reader.take("primary", "key"):
        columns = reader.names()
        table.keys.append(("primary key", columns))
        table.not_null += columns
    elif reader.take("unique"):
        table.keys.append(("unique", reader.names()))
    elif reader.take("foreign", "key"):
        table.keys.append(("foreign key", reader.names()))
        reader.expect("references")
        _read_reference(table, reader)
    elif reader.peek().is_word("check", "exclude"):
        # DG c_unsupported-postgresql-features.
        raise unsupported(reader.next().text.upper())
    else:
        raise syntax_error(reader.next().text)


def _read_reference(table: Table, reader: Reader) -> None:
    table.references.append(reader.path())
    if reader.peek().is_operator("("):
        reader.names()


def _read_column(table: Table, reader: Reader, *, serverless: bool) -> None:
    name = reader.name()
    type_, reader.place = read_type(reader.tokens, reader.place)
    if name in table.columns:
        raise WireError("42701", f'column "{name}" specified more than once')
    table.columns[name] = type_
    clauses = [quote_name(name), type_.text]
    if type_.bytes is not None:
        # A length counts bytes: DG r_Character_types.
        constraint = f"bytes_{type_.bytes}_{len(table.columns)}"
        clauses.append(f"CONSTRAINT {constraint} CHECK (octet_length({quote_name(name)}) <= {type_.bytes})")
    while not reader.at_end:
        clauses.append(_read_attribute(table, reader, name, serverless=serverless))
    table.parts.append(" ".join(clauses))
    table.places[name] = len(table.parts) - 1


def _read_attribute(table: Table, reader: Reader, column: str, *, serverless: bool) -> str:
    """One attribute of a column, as PostgreSQL is to get it."""
    if reader.take("not", "null"):
        return "NOT NULL"
    if reader.take("null"):
        return ""
    if reader.take("default"):
        return "DEFAULT " + join(rewrite(_expression(reader), serverless=serverless))
    if reader.take("identity"):
        return f"GENERATED ALWAYS AS IDENTITY {_identity(reader)}"
    if reader.take("generated", "by", "default", "as", "identity"):
        return f"GENERATED BY DEFAULT AS IDENTITY {_identity(reader)}"
    if reader.take("primary", "key"):
        table.keys.append(("primary key", [column]))
        return "NOT NULL"
    if reader.take("unique"):
        table.keys.append(("unique", [column]))
    elif reader.take("references"):
        _read_reference(table, reader)
        table.keys.append(("foreign key", [column]))
    elif reader.take("encode"):
        table.encodings[column] = reader.next().value
    elif reader.take("distkey"):
        _set_distkey(table, column)
    elif reader.take("sortkey"):
        _set_sortkey(table, [column], "compound")
    else:
        raise syntax_error(reader.next().text)
    return ""


def _identity(reader: Reader) -> str:
    """IDENTITY(seed, step)."""
    values = [join(part) for part in split(reader.bracket())]
    if len(values) != 2:
        raise syntax_error(")")
    return f"(START WITH {values[0]} INCREMENT BY {values[1]})"


def _expression(reader: Reader) -> list[Token]:
    """The tokens of a default: up to the next attribute of the column."""
    start, depth = reader.place, 0
    while not reader.at_end:
        token = reader.peek()
        is_default = reader.place == start and token.is_word("null")
        if depth == 0 and token.is_word(*_ATTRIBUTES) and not is_default:
            break
        depth += token.is_operator("(") - token.is_operator(")")
        reader.next()
    return reader.tokens[start : reader.place]


def _read_attributes(table: Table, reader: Reader) -> None:
    """The clauses behind the columns: DG r_CREATE_TABLE_NEW."""
    while not reader.at_end and not reader.peek().is_word("as"):
        if reader.take("backup"):
            if not reader.take("yes") and not reader.take("no"):
                raise syntax_error(reader.next().text)
        elif reader.take("diststyle"):
            style = reader.next().value
            if style not in ("auto", "even", "all", "key") or table.diststyle is not None:
                raise syntax_error(style)
            table.diststyle = style
        elif reader.take("distkey"):
            for column in reader.names():
                _set_distkey(table, column)
        elif reader.take("encode", "auto"):
            table.encodings.setdefault("", "auto")
        elif reader.take("sortkey", "auto"):
            _set_sortkey(table, [], "auto")
        else:
            style = "interleaved" if reader.take("interleaved") else "compound"
            reader.take("compound")
            reader.expect("sortkey")
            _set_sortkey(table, reader.names(), style)


def _set_distkey(table: Table, column: str) -> None:
    if table.distkey is not None:
        raise WireError("42601", "cannot specify more than one DISTKEY")
    table.distkey = column


def _set_sortkey(table: Table, columns: list[str], style: str) -> None:
    if table.sortstyle is not None:
        raise WireError("42601", "cannot specify more than one SORTKEY")
    most = _MOST_INTERLEAVED if style == "interleaved" else _MOST_SORT_COLUMNS
    if len(columns) > most:
        raise WireError("54011", f"cannot have more than {most} columns in a sort key")
    table.sortkey, table.sortstyle = columns, style


def _check(table: Table) -> None:
    if not table.parts:
        raise syntax_error(")")
    used = [*table.sortkey, *table.not_null, *([table.distkey] if table.distkey else [])]
    used += [column for _, columns in table.keys for column in columns]
    for column in used:
        if column not in table.columns and table.like is None:
            raise WireError("42703", f'column "{column}" named in key does not exist')
    if table.distkey and table.diststyle not in (None, "key"):
        raise WireError("42601", f"cannot specify DISTKEY with DISTSTYLE {table.diststyle.upper()}")
    if table.diststyle == "key" and table.distkey is None:
        raise WireError("42601", "DISTSTYLE KEY needs a DISTKEY")
    if sum(kind == "primary key" for kind, _ in table.keys) > 1:
        raise WireError("42P16", "multiple primary keys for a table are not allowed")
    for column in {one for one in table.not_null if one in table.places}:
        # A column of the primary key takes no NULL, though the key itself is not enforced.
        if "NOT NULL" not in table.parts[table.places[column]]:
            table.parts[table.places[column]] += " NOT NULL"
    _check_encodings(table)


def _check_encodings(table: Table) -> None:
    for column, encoding in table.encodings.items():
        if not column:
            continue
        if (kinds := _ENCODINGS.get(encoding)) is None:
            raise WireError("42601", f'unknown encoding "{encoding}"')
        if table.columns[column].kind not in kinds:
            raise WireError("42601", f'encoding {encoding} is not supported for column "{column}"')
