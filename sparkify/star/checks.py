"""Data-quality checks: a check is a SELECT of the rows that break a rule.

The checks of a table are the blocks of `sql/tables/<table>/checks.sql`: `-- fail: name` or `-- warn: name`, a comment
that says why it matters, one SELECT, a semicolon. A common rule replaces the SELECT, as in
`-- fail: name = unique(user_id)`. Text outside a block is an error, so that no check is overlooked.

`proof.sql` beside it, where there is one, proves some of them at once and at less cost: its head names them, and it
selects a row unless none of them finds any. Only if it does are they run, so that each names and counts its own rows.
A proof also holds if it holds for the plays of each of several spans of days: so it fits into memory.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from sparkify.errors import CheckError
from sparkify.sql import has_sql, read_sql, rebuild_sql
from sparkify.sql.rules import expand_rule
from sparkify.star.tables import LEDGER, STAGING, STAR, TABLES, TEXTS
from sparkify.star.touched import Touched
from sparkify.warehouses import Warehouse

Severity = Literal["fail", "warn"]

_EXAMPLES = 3
# A join of so many plays takes 200 MB.
_SPAN_PLAYS = 4_000_000
_PLAYS = ("songplays", "time")
# What is looked at by one statement on Redshift, where each is a round trip.
_GROUPS = {
    "plays": _PLAYS,
    "staging and dimensions": (*STAGING, *TEXTS, "user_levels", "users", "songs", "artists"),
    "ledger": LEDGER,
}
_START = re.compile(r"^(?=-- (?:fail|warn): )", re.MULTILINE)
_BLOCK = re.compile(r"-- (fail|warn): (\w+)(?: = (.+))?\n((?:-- .*\n)+)(?:([^;]+);)?\s*")

_PROVES = re.compile(r"-- Proves: ([\w, ]+)\.\n")


@dataclass(frozen=True)
class Check:
    """One check. `why` is a sentence for the user when it fails; `sql` selects the rows that break it."""

    table: str
    name: str
    severity: Severity
    why: str
    sql: str = field(repr=False)

    @property
    def qualified_name(self) -> str:
        """`table.name`: two tables may have checks of one name. The ledger keeps it."""
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class CheckResult:
    """How a check went: the number of rows that break the rule, and the first few of them."""

    check: Check
    rows: int
    columns: list[str]
    examples: list[tuple[Any, ...]]

    @property
    def passed(self) -> bool:
        return self.rows == 0


class Query(NamedTuple):
    """A SELECT that finds no row unless one of its checks does: that of a check, or the proof of several."""

    checks: tuple[Check, ...]
    sql: str

    @property
    def is_proof(self) -> bool:
        return all(self.sql != check.sql for check in self.checks)

    @property
    def name(self) -> str:
        return f"{self.checks[0].table}.{' and '.join(check.name for check in self.checks)}"


class Span(NamedTuple):
    """Days, counted from 1970: from the first to the one before the end. None is open."""

    first: int | None
    end: int | None


def list_checks() -> list[Check]:
    """Every check, in the order of the tables."""
    checks: list[Check] = []
    for table in TABLES:
        if has_sql(f"tables/{table}/checks"):
            checks += parse_checks(table, read_sql(f"tables/{table}/checks"))
    return checks


def parse_checks(table: str, text: str) -> list[Check]:
    """The checks of one file. Raises ValueError for text that is not a block, and for a rule that does not exist."""
    checks, line = [], 1
    for part in filter(None, _START.split(text)):
        block = _BLOCK.fullmatch(part + "\n")
        # A block has a rule or a SELECT.
        if block is None or (block[3] is None) == (block[5] is None):
            raise ValueError(f"sql/tables/{table}/checks.sql, line {line}: this is not a block of -- fail: or -- warn:")
        severity, name, rule, why, sql = block.groups()
        words = " ".join(comment.removeprefix("-- ") for comment in why.splitlines())
        selected = expand_rule(table, rule) if rule else sql.strip()
        checks.append(Check(table, name, "fail" if severity == "fail" else "warn", words, selected))
        line += part.count("\n")
    return checks


def list_queries(checks: Iterable[Check]) -> list[Query]:
    """What to ask to learn whether checks hold: the proofs of some, and the SELECTs of the others."""
    proven: dict[str, list[Check]] = {}
    for check in checks:
        proven.setdefault(_proof_of(check) or check.sql, []).append(check)
    return [Query(tuple(group), sql) for sql, group in proven.items()]


def list_statements(checks: Iterable[Check], dialect: str) -> dict[str, list[Query]]:
    """The queries that are one statement, by the name of what they look at.

    The embedded engine is asked about plays one by one: in one statement it would hold what each needs at the same
    time, and there is no round trip to spare.
    """
    chosen = list(checks)
    statements: dict[str, list[Query]] = {}
    if dialect == "redshift" and chosen and all(check.severity == "warn" for check in chosen):
        return {"what looks odd": list_queries(chosen)}
    for name, tables in _GROUPS.items():
        queries = list_queries(check for check in chosen if check.table in tables)
        if tables == _PLAYS and dialect != "redshift":
            statements |= {query.name: [query] for query in queries}
        elif queries:
            statements[name] = queries
    return statements


def run_checks(
    warehouse: Warehouse,
    checks: Iterable[Check],
    *,
    touched: Touched | None = None,
    on_statement: Callable[[str, int, int], None] = lambda name, done, total: None,
    on_result: Callable[[CheckResult], None] = lambda result: None,
    span_plays: int = _SPAN_PLAYS,
) -> list[CheckResult]:
    """Run checks on all rows, or on the keys that a change has touched; the results are in the order given.

    `on_statement` is called before each statement, with the name of what it looks at, the checks that are done, and
    all; `on_result` after it with each result. Where the embedded engine has more plays than `span_plays`, a proof is
    looked for in spans of days of about so many.
    """
    chosen = list(checks)
    results: dict[Check, CheckResult] = {}
    spans = [] if touched is not None else _list_spans(warehouse, span_plays)
    for name, queries in list_statements(chosen, warehouse.dialect).items():
        on_statement(name, len(results), len(chosen))
        for check, rows in _count(warehouse, queries, touched, spans).items():
            results[check] = _result(warehouse, check, rows, touched)
            on_result(results[check])
    return [results[check] for check in chosen]


def list_broken(warehouse: Warehouse, severity: Severity, *, touched: Touched | None) -> list[CheckResult]:
    """Run the checks of one severity on all rows, or on the touched keys; returns those that found rows."""
    left_out = () if touched is None else set(STAR) - {*touched.tables}
    chosen = [check for check in list_checks() if check.severity == severity and check.table not in left_out]
    return [result for result in run_checks(warehouse, chosen, touched=touched) if not result.passed]


def require(warehouse: Warehouse, *, touched: Touched | None) -> None:
    """Raise CheckError if a check of severity fail finds rows: the transaction must not be committed."""
    for broken in list_broken(warehouse, "fail", touched=touched):
        raise CheckError(
            f"check {broken.check.qualified_name} found rows that break it ({broken.rows:,}), such as "
            f"{dict(zip(broken.columns, broken.examples[0], strict=True))}: {broken.check.why} Nothing was changed; "
            "please report this as a bug of sparkify"
        )


def count_sql(queries: Sequence[Query], *, touched: Touched | None = None) -> str:
    """The statement that counts, for each query by its place, the rows that it finds, among all or the touched keys."""
    return "\nUNION ALL\n".join(
        f"-- {query.name}\n"
        f"SELECT {place} AS place, count(*) AS found\nFROM (\n{_narrow(query.sql, touched)}\n) AS broken"
        for place, query in enumerate(queries)
    )


def span_sql(sql: str, span: Span) -> str:
    """A proof for the plays of some days: the lines that narrow it to touched plays narrow it to these."""
    moments: dict[str, Callable[[int], str]] = {
        "ts": lambda day: f"{day * 86_400_000}",
        "start_time": lambda day: f"TIMESTAMP '1970-01-01 00:00:00' + {day} * INTERVAL '1 day'",
    }
    for column, moment_of in moments.items():
        after = [] if span.first is None else [f"{column} >= {moment_of(span.first)}"]
        before = [] if span.end is None else [f"{column} < {moment_of(span.end)}"]
        touched = f"{column} IN (SELECT {column} FROM sparkify_touched_plays) -- touched"
        sql = sql.replace(touched, " AND ".join(after + before))
    return sql


def _list_spans(warehouse: Warehouse, most: int) -> list[Span]:
    """Spans of days with about so many plays; none where all are fewer, or a cluster's memory holds them."""
    if warehouse.dialect == "redshift" or warehouse.fetch("SELECT count(*) FROM songplays")[0][0] <= most:
        return []
    days = "cast((ts - ts % 86400000) / 86400000 AS BIGINT)"
    sql = f"SELECT {days}, count(*) FROM staging_events WHERE page = 'NextSong' GROUP BY {days} ORDER BY {days}"
    spans, first, plays = [], None, 0
    for day, count in warehouse.fetch(sql):
        if plays and plays + count > most:
            spans.append(Span(first, day))
            first, plays = day, 0
        plays += count
    return [*spans, Span(first, None)] if spans else []


def _proof_of(check: Check) -> str | None:
    """The proof that covers a check."""
    name = f"tables/{check.table}/proof"
    proof = read_sql(name) if has_sql(name) else ""
    proves = _PROVES.match(proof)
    return proof if proves and check.name in proves[1].split(", ") else None


def _count(
    warehouse: Warehouse, queries: Sequence[Query], touched: Touched | None, spans: Sequence[Span]
) -> dict[Check, int]:
    """The rows that break each check."""
    parts = [queries]
    if spans and all(query.is_proof for query in queries):
        parts = [[query._replace(sql=span_sql(query.sql, span)) for query in queries] for span in spans]
    found: Counter[int] = Counter()
    for part in parts:
        found.update(dict(warehouse.fetch(count_sql(part, touched=touched))))
    counts = {check: found[place] for place, query in enumerate(queries) for check in query.checks}
    for place, query in enumerate(queries):
        if query.is_proof and found[place]:
            counts |= _count(warehouse, [Query((check,), check.sql) for check in query.checks], touched, [])
    return counts


def _narrow(sql: str, touched: Touched | None) -> str:
    return rebuild_sql(sql) if touched is None else touched.write(sql)


def _result(warehouse: Warehouse, check: Check, rows: int, touched: Touched | None) -> CheckResult:
    if not rows:
        return CheckResult(check, 0, [], [])
    sql = f"SELECT * FROM ({_narrow(check.sql, touched)}) AS broken LIMIT {_EXAMPLES}"
    return CheckResult(check, rows, *warehouse.fetch_table(sql))
