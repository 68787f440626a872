"""CREATE TABLE and ADD COLUMN: checks the declarations, and passes to PostgreSQL what Redshift enforces.

Keys are removed, because Redshift does not enforce them (DG r_CREATE_TABLE_NEW); texts get a limit in bytes.
"""

from dataclasses import dataclass, field

from sqlglot import exp

from tests.redshift.grammar import quote_name, syntax_error, unknown
from tests.redshift.types import ColumnType, read_type
from tests.redshift.wire import WireError

_INTEGERS = {"smallint", "integer", "bigint"}
_EXACT = _INTEGERS | {"numeric"}
_DATES = {"date", "timestamp", "timestamptz"}
_TEXTS = {"varchar", "char"}
_ALL = _EXACT | _DATES | _TEXTS | {"real", "double precision", "boolean", "time", "timetz"}
# Encodings and the types they allow: DG c_Compression_encodings.
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
_MOST_SORT_COLUMNS = 400


@dataclass
class Table:
    """What a CREATE TABLE declares. `references` are the tables of its foreign keys, quoted for PostgreSQL."""

    columns: dict[str, ColumnType] = field(default_factory=dict)
    encodings: dict[str, str] = field(default_factory=dict)
    diststyle: str | None = None
    distkey: str | None = None
    sortkey: list[str] | None = None
    keys: list[tuple[str, list[str]]] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    like: bool = False

    def declared(self, references: tuple[str, ...]) -> dict[str, object]:
        """What PostgreSQL does not keep."""
        return {"references": references, "distkey": self.distkey, "sortkey": self.sortkey or [],
                "encodings": self.encodings}  # fmt: skip

    @property
    def primary_key(self) -> list[str]:
        return [column for kind, columns in self.keys if kind == "primary key" for column in columns]


def path_of(table: exp.Expr) -> str:
    """A table's name, quoted for PostgreSQL."""
    if not isinstance(table, exp.Table):
        raise unknown(f"the name {table.sql('redshift')}")
    return ".".join(quote_name(part.name.lower()) for part in table.parts)


def create_table(create: exp.Create) -> Table:
    """Reads the declarations, and keeps what PostgreSQL enforces."""
    table = Table()
    if create.args.get("replace") or not (create.expression or create.this.expressions):
        raise syntax_error("TABLE")
    properties = create.args.get("properties")
    kept = [one for one in (properties.expressions if properties else []) if not _read_property(table, one)]
    create.set("properties", exp.Properties(expressions=kept) if kept else None)
    if isinstance(create.this, exp.Schema):
        parts = [_read_part(table, part) for part in create.this.expressions]
        create.this.set("expressions", [part for part in parts if part is not None])
        for column in create.this.find_all(exp.ColumnDef):
            # A column of the primary key is NOT NULL, although the key itself is not enforced.
            if column.name.lower() in table.primary_key:
                column.append("constraints", exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
    elif create.args.get("exists"):
        # DG r_CREATE_TABLE_AS does not have this.
        raise syntax_error("AS")
    _check(table, is_query=not isinstance(create.this, exp.Schema))
    return table


def _add_column(column: exp.ColumnDef) -> dict[str, str]:
    table = Table()
    _read_column(table, column)
    if table.keys:
        raise unknown("ALTER TABLE ADD with a constraint")
    _check_encodings(table)
    return table.encodings


def create_view(create: exp.Create) -> None:
    """DG r_CREATE_VIEW."""
    if create.args.get("exists") or create.args.get("properties"):
        raise unknown("IF NOT EXISTS, TEMP and the like of a view")
    if isinstance(create.this, exp.Schema) and not all(
        isinstance(one, exp.Identifier) for one in create.this.expressions
    ):
        raise syntax_error("VIEW")


def alter_table(alter: exp.Alter) -> dict[str, str]:
    """One change at a time: ADD COLUMN, DROP COLUMN or RENAME. Returns the encodings of new columns."""
    [action, *more] = alter.args["actions"]
    if more or (isinstance(action, exp.Drop) and (action.args["kind"] != "COLUMN" or action.args.get("exists"))):
        raise unknown(alter.sql("redshift"))
    return _add_column(action) if isinstance(action, exp.ColumnDef) else {}


def _read_property(table: Table, one: exp.Expr) -> bool:
    """Whether this is a clause after the columns that PostgreSQL does not have: DG r_CREATE_TABLE_NEW."""
    if isinstance(one, exp.DistStyleProperty):
        style = one.name.lower()
        if style not in ("auto", "even", "all", "key") or table.diststyle is not None:
            raise syntax_error(style)
        table.diststyle = style
    elif isinstance(one, exp.DistKeyProperty):
        if table.distkey is not None:
            raise WireError("42601", "cannot specify more than one DISTKEY")
        table.distkey = one.name.lower()
    elif isinstance(one, exp.SortKeyProperty):
        if table.sortkey is not None:
            raise WireError("42601", "cannot specify more than one SORTKEY")
        table.sortkey = _names(one.this)
    elif isinstance(one, exp.TemporaryProperty):
        return False
    else:
        raise unknown(f"{one.sql('redshift')} in CREATE TABLE")
    return True


def _names(expressions: list[exp.Expr]) -> list[str]:
    return [one.name.lower() for one in expressions]


def _read_part(table: Table, part: exp.Expr) -> exp.Expr | None:
    """A part between the brackets, as PostgreSQL gets it."""
    if isinstance(part, exp.Constraint) and len(part.expressions) == 1:
        part = part.expressions[0]
    if isinstance(part, exp.ColumnDef):
        _read_column(table, part)
        return part
    if isinstance(part, exp.LikeProperty):
        table.like = True
        if any(one.args["value"].name.upper() != "DEFAULTS" for one in part.expressions):
            raise unknown(part.sql("redshift"))
        # The limits in bytes are constraints here.
        part.append("expressions", exp.Property(this="INCLUDING", value=exp.var("CONSTRAINTS")))
        return part
    if isinstance(part, exp.PrimaryKey):
        table.keys.append(("primary key", _names(part.expressions)))
    elif isinstance(part, exp.UniqueColumnConstraint) and isinstance(part.this, exp.Schema):
        table.keys.append(("unique", _names(part.this.expressions)))
    elif isinstance(part, exp.ForeignKey):
        table.keys.append(("foreign key", _names(part.expressions)))
        _read_reference(table, part.args["reference"])
    else:
        raise unknown(f"{part.sql('redshift')} in CREATE TABLE")
    return None


def _read_reference(table: Table, reference: exp.Reference) -> None:
    target = reference.this
    table.references.append(path_of(target.this if isinstance(target, exp.Schema) else target))


def _read_column(table: Table, column: exp.ColumnDef) -> None:
    name = column.name.lower()
    if not isinstance(column.kind, exp.DataType):
        raise syntax_error(column.name)
    if name in table.columns:
        raise WireError("42701", f'column "{name}" specified more than once')
    type_ = table.columns[name] = read_type(column.kind)
    constraints = [one for one in column.constraints if not _read_constraint(table, name, one.kind)]
    if type_.bytes is not None:
        # A length counts bytes: DG r_Character_types.
        octets = exp.Anonymous(this="octet_length", expressions=[exp.column(name, quoted=True)])
        limit = exp.CheckColumnConstraint(this=octets <= type_.bytes)
        label = exp.to_identifier(f"bytes_{type_.bytes}_{name}"[:60], quoted=True)
        constraints.append(exp.ColumnConstraint(this=label, kind=limit))
    column.set("constraints", constraints)


def _read_constraint(table: Table, column: str, kind: exp.Expr | None) -> bool:
    """Whether this is a column attribute that PostgreSQL does not have or must not enforce."""
    if isinstance(kind, exp.EncodeColumnConstraint):
        table.encodings[column] = kind.name.lower()
    elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
        table.keys.append(("primary key", [column]))
    elif isinstance(kind, exp.UniqueColumnConstraint):
        table.keys.append(("unique", [column]))
    elif isinstance(kind, exp.Reference):
        table.keys.append(("foreign key", [column]))
        _read_reference(table, kind)
    else:
        return False
    return True


def _check(table: Table, *, is_query: bool) -> None:
    used = [*(table.sortkey or []), *([table.distkey] if table.distkey else [])]
    used += [column for _, columns in table.keys for column in columns]
    for column in used:
        if column not in table.columns and not table.like and not is_query:
            raise WireError("42703", f'column "{column}" named in key does not exist')
    if table.distkey and table.diststyle not in (None, "key"):
        raise WireError("42601", f"cannot specify DISTKEY with DISTSTYLE {table.diststyle.upper()}")
    if table.diststyle == "key" and table.distkey is None:
        raise WireError("42601", "DISTSTYLE KEY needs a DISTKEY")
    if len(table.sortkey or []) > _MOST_SORT_COLUMNS:
        raise WireError("54011", f"cannot have more than {_MOST_SORT_COLUMNS} columns in a sort key")
    if sum(kind == "primary key" for kind, _ in table.keys) > 1:
        raise WireError("42P16", "multiple primary keys for a table are not allowed")
    _check_encodings(table)


def check_encoding(name: str) -> str:
    if name not in _ENCODINGS:
        raise WireError("42601", f'unknown encoding "{name}"')
    return name


def _check_encodings(table: Table) -> None:
    for column, encoding in table.encodings.items():
        if (kinds := _ENCODINGS.get(encoding)) is None:
            raise WireError("42601", f'unknown encoding "{encoding}"')
        if table.columns[column].kind not in kinds:
            raise WireError("42601", f'encoding {encoding} is not supported for column "{column}"')
