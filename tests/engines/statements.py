"""The statements that the stand-in for Redshift received from each verb, as files: so a diff shows a change.

`python -m tests.engines.statements` writes them. Statements whose text is a file or a check in the package are only
named, except in `create.sql` and `check.sql`.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path

import sparkify
from sparkify.settings import Config
from sparkify.sql import comment_sql, create_sql, list_changes, rebuild_sql, temporary_sql
from sparkify.star import checks
from sparkify.star.tables import TABLES, VERSION, VIEWS
from sparkify.statement_log import end_statement
from sparkify.warehouses import open_warehouse
from tests.engines.conftest import ROLE, redshift_config
from tests.redshift.server import Redshift, Role, run_redshift
from tests.s3_server import SECRET, WRITE_KEY, run_s3_server
from tests.support import event, log_file, play, settle, song, song_file, write_file

FOLDER = Path(__file__).parent / "statements"


def record_files(redshift: Redshift, folder: Path) -> dict[str, str]:
    """Run each verb on an empty warehouse of the stand-in; returns the expected text of each file."""
    config = redshift_config(redshift, folder)
    sparkify.create(config)
    texts = {"create.sql": _render(_take(redshift))}
    _write_sources(config)
    sparkify.load(config)
    texts["first_load.sql"] = _render(_take(redshift), naming=True)
    _change_sources(config)
    sparkify.load(config)
    texts["later_load.sql"] = _render(_take(redshift), naming=True)
    _let_some_rejects_pass(config)
    _take(redshift)
    assert sparkify.replay(config).records == {"replayed": 4, "loaded": 2, "rejected": 2}
    texts["replay.sql"] = _render(_take(redshift), naming=True)
    sparkify.undo(config, 2)
    texts["undo.sql"] = _render(_take(redshift), naming=True)
    sparkify.check(config)
    texts["check.sql"] = _render(_take(redshift))
    sparkify.create(config, drop=True)
    texts["drop_and_create.sql"] = _render(_take(redshift), naming=True)
    return texts


def _write_sources(config: Config) -> None:
    write_file(log_file(config, "a.json"), [play(), "not JSON"])
    write_file(log_file(config, "b.json"), [event(itemInSession=item) for item in range(40)])
    # A file that is hashed too soon after its last change is hashed again by the next load, which notes its state.
    settle(write_file(song_file(config), [song(), "not JSON", song(title=None)]))


def _change_sources(config: Config) -> None:
    write_file(log_file(config, "a.json"), [play(userId=2), "nor this", "nor that"])
    write_file(song_file(config), [song(year=2010), "nor this", song(title=None)])


def _let_some_rejects_pass(config: Config) -> None:
    """For each dataset, make one reject pass and one stay, so that rows of both are copied."""
    with open_warehouse(config) as engine:
        for dataset, record in (("events", play(userId=3)), ("songs", song(year=1))):
            sql = 'UPDATE rejected_records SET "raw" = $1 WHERE line = 2 AND dataset = $2'
            engine.execute(sql, [json.dumps(record), dataset])


def _take(redshift: Redshift) -> list[str]:
    """What the stand-in received since the last call, with one row for many, and names for values that vary."""
    taken = []
    for sql in redshift.statements:
        sql = re.sub(r"(?s)(\nVALUES \([^)]*\)).*", r"\1", sql)
        sql = re.sub(r"'\{\"seconds\": .*?\}'", "'<detail>'", sql)
        sql = re.sub(r"finished_at = TIMESTAMP '[^']*'", "finished_at = TIMESTAMP '2018-12-01 00:00:00'", sql)
        folder = r"s3://[^']*/sparkify-stage/[^/]+/(load-\d+|replay)-[0-9a-f]{32}"
        taken.append(re.sub(folder, "<stage>/sparkify-stage/<warehouse>/<load>", sql))
    redshift.statements.clear()
    return taken


def _render(statements: Iterable[str], *, naming: bool = False) -> str:
    texts = [(naming and _name(sql)) or end_statement(sql) for sql in statements if not (naming and _is_comment(sql))]
    return "\n\n".join(texts) + "\n"


def _is_comment(sql: str) -> bool:
    """Whether a statement comments on a column: it comes with the one that comments on the table."""
    return sql.startswith("COMMENT ON COLUMN ")


def _name(sql: str) -> str | None:
    """The name of a statement that is a file or a check in the package."""
    # Without the bounds of what is touched.
    bounds = r"\([\w.]+ BETWEEN [^()]+ AND [^()]+ AND ([\w.]+ IN \(SELECT \w+ FROM \w+\))\)"
    whole = rebuild_sql(re.sub(bounds, r"\1", sql))
    name = _names().get(whole)
    return f"-- {name}{'' if sql == whole else ', only what was touched'}" if name else None


@cache
def _names() -> dict[str, str]:
    folder = files("sparkify.sql")
    assert isinstance(folder, Path)
    paths = sorted(folder.rglob("*.sql"))
    texts = {rebuild_sql(path.read_text(encoding="utf-8").strip()): f"{path.relative_to(folder)}" for path in paths}
    for name in (*TABLES, *VERSION, *VIEWS):
        path = f"{'views' if name in VIEWS else 'tables'}/{name}/create.sql"
        texts[create_sql(name, "redshift")] = path
        texts[comment_sql(name, "redshift")[0]] = f"comments of {path}"
    texts |= {temporary_sql(name, "redshift"): f"changes/{name}/create.sql" for name in list_changes()}
    for severity in ("fail", "warn"):
        chosen = [check for check in checks.list_checks() if check.severity == severity]
        for name, queries in checks.list_statements(chosen, "redshift").items():
            count = sum(len(query.checks) for query in queries)
            texts[checks.count_sql(queries)] = f"{count} checks of severity {severity}: {name}"
    return texts


def main() -> None:
    """Write every file, with new servers."""
    with run_s3_server() as s3, run_redshift() as redshift, tempfile.TemporaryDirectory() as folder:
        os.environ |= s3.environment() | {"SSL_CERT_FILE": str(redshift.ca_file)}
        redshift.roles[ROLE] = Role(s3.endpoint, WRITE_KEY, SECRET)
        for name, text in record_files(redshift, Path(folder)).items():
            (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
