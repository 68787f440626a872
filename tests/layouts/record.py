"""A small warehouse of an older layout, as SQL text that both engines take: `python -m tests.layouts.record`.

It checks the code of a released commit out beside this one, loads a few files with it (two loads, of which the second
replaces a file, rejects of both datasets, an undone load), and writes down what the warehouse then holds: for each
table its CREATE statement for DuckDB, that for Redshift, and its rows. The result is `layout_N.json`.

Only a released layout is recorded, once. It is never recorded anew: what it holds is what people have.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from tests.layouts.sources import write_first_delivery, write_second_delivery, write_third_delivery

COMMITS = {1: "36d2922"}
ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
# The roots as they are in the fixture: a test puts its own folder in their place.
PLACE = "/roots"


def record(layout: int) -> dict[str, object]:
    """What a warehouse of a layout holds, made by the code of its commit."""
    with tempfile.TemporaryDirectory() as folder:
        code, roots = Path(folder, "code"), Path(folder, "roots")
        subprocess.run(["git", "clone", "-q", str(ROOT), str(code)], check=True)
        subprocess.run(["git", "checkout", "-q", COMMITS[layout]], cwd=code, check=True)
        warehouse = str(Path(folder, "old.duckdb"))

        def run(*arguments: str) -> None:
            command = [sys.executable, "-m", "sparkify", *arguments, "--warehouse", warehouse, "-q"]
            subprocess.run(command, cwd=code, check=True, stdout=subprocess.DEVNULL)

        sources = ["--log-data", str(roots / "log_data"), "--song-data", str(roots / "song_data")]
        write_first_delivery(roots)
        run("load", *sources)
        write_second_delivery(roots)
        run("load", *sources)
        write_third_delivery(roots)
        run("load", *sources)
        run("undo", "3", "--yes")
        names = [path.parent.name for path in sorted(code.glob("sparkify/sql/*/create.redshift.sql"))]
        with duckdb.connect(warehouse, read_only=True) as connection:
            tables = {name: _record_table(connection, code, name, str(roots)) for name in names}
    return {"commit": COMMITS[layout], "tables": tables}


def _record_table(connection: duckdb.DuckDBPyConnection, code: Path, name: str, roots: str) -> dict[str, object]:
    rows = connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
    return {
        "duckdb": (code / f"sparkify/sql/{name}/create.sql").read_text(encoding="utf-8"),
        "redshift": (code / f"sparkify/sql/{name}/create.redshift.sql").read_text(encoding="utf-8"),
        "rows": [[_as_text(value, roots) for value in row] for row in rows],
    }


def _as_text(value: object, roots: str) -> str | None:
    return None if value is None else str(value).replace(roots, PLACE)


def main() -> None:
    """Write the fixtures that are not there yet."""
    for layout in COMMITS:
        path = FOLDER / f"layout_{layout}.json"
        if not path.exists():
            path.write_text(json.dumps(record(layout), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
