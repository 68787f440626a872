"""Data-quality checks: a check is a SELECT of the rows that break a rule.

The checks of a table are the blocks of `sql/tables/<table>/checks.sql`: `-- fail: name` or `-- warn: name`, a comment
that says why it matters, one SELECT, a semicolon. A common rule replaces the SELECT, as in
`-- fail: name = unique(user_id)`. Text outside a block is an error, so that no check is overlooked.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sparkify.errors import CheckError
from sparkify.sql import has_sql, read_sql, rebuild_sql
from sparkify.sql.rules import expand_rule
from sparkify.star.tables import LEDGER, STAGING, TABLES, TEXTS
from sparkify.warehouses import Warehouse

Severity = Literal["fail", "warn"]

_EXAMPLES = 3
# The checks of a group are one statement: on Redshift each is a round trip. In one for all, the embedded engine would
# hold what each needs at the same time.
_GROUPS = {
    "plays": ("songplays", "time"),
    "staging and dimensions": (*STAGING, *TEXTS, "user_levels", "users", "songs", "artists"),
    "ledger": LEDGER,
}
_START = re.compile(r"^(?=-- (?:fail|warn): )", re.MULTILINE)
_BLOCK = re.compile(r"-- (fail|warn): (\w+)(?: = (.+))?\n((?:-- .*\n)+)(?:([^;]+);)?\s*")


@dataclass(frozen=True)
class Check:
    """One check. `why` is a sentence for the user when it fails; `sql` selects the rows that break it."""

    table: str
    name: str
    severity: Severity
    why: str
    sql: str


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


def group_checks(checks: Iterable[Check]) -> dict[str, list[Check]]:
    """The checks that are one statement, by the name of what they look at."""
    chosen = list(checks)
    groups = {name: [check for check in chosen if check.table in tables] for name, tables in _GROUPS.items()}
    return {name: group for name, group in groups.items() if group}


def run_checks(
    warehouse: Warehouse,
    checks: Iterable[Check],
    *,
    touched: bool = False,
    on_group: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> list[CheckResult]:
    """Run checks on all rows, or on the keys that the open load has touched; the results are in the order given.

    `on_group` is called before each statement, with the name of what it looks at, the checks that are done, and all.
    """
    chosen = list(checks)
    counts: dict[Check, int] = {}
    for name, group in group_checks(chosen).items():
        on_group(name, len(counts), len(chosen))
        rows = warehouse.fetch(count_sql(group, touched=touched))
        counts |= {group[place]: broken for place, broken in rows}
    return [_result(warehouse, check, counts[check], touched) for check in chosen]


def list_broken(warehouse: Warehouse, severity: Severity, *, touched: bool) -> list[CheckResult]:
    """Run the checks of one severity on all rows, or on the touched keys; returns those that found rows."""
    chosen = [check for check in list_checks() if check.severity == severity]
    return [result for result in run_checks(warehouse, chosen, touched=touched) if not result.passed]


def require(warehouse: Warehouse, *, touched: bool) -> None:
    """Raise CheckError if a check of severity fail finds rows: the transaction must not be committed."""
    for broken in list_broken(warehouse, "fail", touched=touched):
        raise CheckError(
            f"check {broken.check.table}.{broken.check.name} found rows that break it ({broken.rows:,}), such as "
            f"{dict(zip(broken.columns, broken.examples[0], strict=True))}: {broken.check.why} Nothing was changed; "
            "please report this as a bug of sparkify"
        )


def count_sql(checks: Sequence[Check], *, touched: bool) -> str:
    """The query that counts, for each check by its place, the rows that break it, among all or the touched keys."""
    return "\nUNION ALL\n".join(
        f"-- {check.table}.{check.name}\nSELECT {place} AS place, count(*) AS broken_rows\n"
        f"FROM (\n{_select(check, touched)}\n) AS broken"
        for place, check in enumerate(checks)
    )


def _select(check: Check, touched: bool) -> str:
    return check.sql if touched else rebuild_sql(check.sql)


def _result(warehouse: Warehouse, check: Check, rows: int, touched: bool) -> CheckResult:
    if not rows:
        return CheckResult(check, 0, [], [])
    sql = f"SELECT * FROM ({_select(check, touched)}) AS broken LIMIT {_EXAMPLES}"
    return CheckResult(check, rows, *warehouse.fetch_table(sql))
