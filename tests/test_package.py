"""The package as installed: its exports, the cost of its import, the files in its wheel."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.tags import platform_tags

import sparkify
from sparkify.validation import native

ROOT = Path(__file__).parents[1]
ROOT_MODULES = ("create_tables.py", "etl.py", "sql_queries.py")
# Without msgspec: every command needs it for its options, and it loads in milliseconds.
HEAVY = {"duckdb", "_duckdb", "rich", "nanoarrow", "boto3", "botocore", "obstore"}


def run_python(*arguments: str | Path, path: Path = ROOT) -> str:
    """The output of a Python process that finds modules in `path`."""
    environment = os.environ | {"PYTHONPATH": str(path)}
    ended = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


# ---- names ----


@pytest.mark.parametrize("name", sparkify.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(sparkify, name) is not None


def test_public_names_are_sorted_and_listed_once() -> None:
    assert sparkify.__all__ == sorted(set(sparkify.__all__))


def test_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from sparkify import *", names)
    assert set(sparkify.__all__) <= set(names)


def test_other_names_do_not_resolve() -> None:
    with pytest.raises(AttributeError, match="module 'sparkify' has no attribute 'undoo'"):
        sparkify.undoo  # noqa: B018


def test_errors_of_the_package_are_those_of_its_modules() -> None:
    from sparkify.errors import SparkifyError
    from sparkify.loads.load import load

    assert sparkify.SparkifyError is SparkifyError
    assert sparkify.load is load


# ---- imports ----

_IMPORTED = "import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"


@pytest.mark.parametrize(
    "code",
    [
        "import sparkify",
        "import sparkify.cli",
        "import sparkify.errors",
        "from sparkify import SparkifyError, SimulateOptions, simulate",
    ],
)
def test_import_is_light(code: str) -> None:
    imported = set(run_python("-c", f"{code}; {_IMPORTED}").split())
    assert "sparkify" in imported
    assert imported & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["load", "--help"], ["query", "-h"]])
def test_help_is_light(arguments: list[str]) -> None:
    code = f"""
import atexit, sys
atexit.register(lambda: print("imported:", *sorted({{name.split('.')[0] for name in sys.modules}})))
from sparkify.cli import main
main({arguments!r})
"""
    shown, _, imported = run_python("-c", code).partition("imported:")
    assert shown.startswith(("Usage: ", "sparkify, version "))
    assert "click" in imported.split()
    assert set(imported.split()) & HEAVY == set()


# ---- the wheel ----


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with only the files of the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.slow
def test_wheel_is_named_by_the_version(wheel: Path) -> None:
    platform = next(platform_tags()) if native.FILE.exists() else "any"
    assert wheel.name == f"sparkify-{sparkify.__version__}-py3-none-{platform}.whl"


@pytest.mark.slow
def test_wheel_holds_the_package_and_the_root_modules(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    files = (path for path in (ROOT / "sparkify").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    expected = {path.relative_to(ROOT).as_posix() for path in files}
    statements = {f"sparkify/sql/{name}.sql" for name in ("tables/songplays/load", "questions/top_songs")}
    assert {"sparkify/py.typed", *statements} <= expected
    information = f"sparkify-{sparkify.__version__}.dist-info/"
    assert {name for name in held if not name.startswith(information)} == expected | set(ROOT_MODULES)
    assert {f"{information}licenses/LICENSE", f"{information}METADATA"} <= held


@pytest.mark.slow
def test_wheel_has_the_command(installed: Path) -> None:
    (entry_points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "sparkify = sparkify.__main__:main" in entry_points.read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
def test_wheel_runs_on_its_own_files(installed: Path) -> None:
    where = "import sparkify, create_tables, etl, sql_queries as s; print(sparkify.__file__, s.__file__, sep='\\n')"
    assert run_python("-c", where, path=installed).splitlines() == [
        str(installed / "sparkify" / "__init__.py"), str(installed / "sql_queries.py"),
    ]  # fmt: skip
    assert run_python("-m", "sparkify", "demo", "-q", path=installed) == ""
    command = ["query", "levels", "--warehouse", "sparkify-demo/sparkify.duckdb", "--json", "-q"]
    answer = json.loads(run_python("-m", "sparkify", *command, path=installed))
    assert len(answer["rows"]) > 0
    doctor = run_python("-m", "sparkify", "doctor", path=installed)
    assert native.describe() in doctor
