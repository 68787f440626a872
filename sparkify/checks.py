"""Data-quality checks: a check is a SELECT of the rows that break a rule.

They stand in `sql/tables/<table>/checks.sql` as blocks: `-- fail: name` or `-- warn: name`, a comment that says why it
matters, one SELECT, a semicolon. Text outside a block is an error, so that an unmarked check cannot vanish.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sparkify import model
from sparkify.engines import Engine
from sparkify.errors import CheckError, SparkifyError
from sparkify.sql import has_sql, read_sql, rebuild_sql

Severity = Literal["fail", "warn"]

_EXAMPLES = 3
_BLOCK = re.compile(r"-- (fail|warn): (\w+)\n((?:-- .*\n)+)((?:(?!-- (?:fail|warn): )[^;])+);\s*")


@dataclass(frozen=True)
class Check:
    """One rule. `why` is a sentence for whoever sees it broken; `sql` selects the rows that break it."""

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
    for table in model.TABLES:
        if has_sql(f"tables/{table}/checks"):
            checks += parse_checks(table, read_sql(f"tables/{table}/checks"))
    return checks


def parse_checks(table: str, text: str) -> list[Check]:
    """The checks of one file. Raises SparkifyError for text that belongs to no block."""
    checks, end = [], 0
    while end < len(text):
        block = _BLOCK.match(text, end)
        if block is None:
            line = text.count("\n", 0, end) + 1
            raise SparkifyError(f"sql/tables/{table}/checks.sql, line {line}: this is no block of -- fail: or -- warn:")
        severity, name, why, sql = block.groups()
        words = " ".join(line.removeprefix("-- ") for line in why.strip().splitlines())
        checks.append(Check(table, name, "fail" if severity == "fail" else "warn", words, sql.strip()))
        end = block.end()
    return checks


def run_checks(engine: Engine, checks: Iterable[Check], *, touched: bool = False) -> list[CheckResult]:
    """Run checks over all rows, or over the keys that the open load has touched."""
    return [_run(engine, check, touched) for check in checks]


def list_broken(engine: Engine, severity: Severity, *, touched: bool) -> list[CheckResult]:
    """Run the checks of one severity over all rows, or over the touched keys; returns those that found rows."""
    chosen = [check for check in list_checks() if check.severity == severity]
    return [result for result in run_checks(engine, chosen, touched=touched) if not result.passed]


def require(engine: Engine, *, touched: bool) -> None:
    """Raise CheckError where a check of severity fail finds rows: the open transaction must not be committed."""
    for broken in list_broken(engine, "fail", touched=touched):
        raise CheckError(
            f"check {broken.check.table}.{broken.check.name} found rows that break it ({broken.rows:,}), such as "
            f"{dict(zip(broken.columns, broken.examples[0], strict=True))}: {broken.check.why} Nothing was changed; "
            "please report this as a fault of sparkify"
        )


def count_sql(check: Check, *, touched: bool) -> str:
    """The query that counts the rows that break a rule, of all or of the touched keys."""
    return f"SELECT count(*)\nFROM (\n{check.sql if touched else rebuild_sql(check.sql)}\n) AS broken"


def _run(engine: Engine, check: Check, touched: bool) -> CheckResult:
    rows = engine.fetch(count_sql(check, touched=touched))[0][0]
    if not rows:
        return CheckResult(check, 0, [], [])
    sql = check.sql if touched else rebuild_sql(check.sql)
    columns, examples = engine.fetch_table(f"SELECT * FROM ({sql}) AS broken LIMIT {_EXAMPLES}")
    return CheckResult(check, rows, columns, examples)
