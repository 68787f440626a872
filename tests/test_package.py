"""The package as installed: its exports, the cost of its import, its version, its wheel."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.build import build_wheel
from packaging.tags import platform_tags
from packaging.version import Version

import sparkify
from sparkify.validation import native

ROOT = Path(__file__).parents[1]
ROOT_MODULES = ("create_tables", "etl", "sql_queries")
# Without msgspec: every command needs it for its options, and it loads in milliseconds.
HEAVY = {"duckdb", "_duckdb", "rich", "nanoarrow", "boto3", "botocore", "obstore"}


def run(*command: str | Path, **variables: str) -> str:
    """The output of a process that succeeds and has nothing to say beside it."""
    ended = subprocess.run(
        list(map(str, command)),
        env=os.environ | variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8",
        timeout=120,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    return ended.stdout


def run_python(*arguments: str) -> str:
    """The output of a Python process that finds modules in the checkout."""
    return run(sys.executable, *arguments, PYTHONPATH=str(ROOT))


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


# ---- the version ----


def test_version_is_that_of_the_change_log() -> None:
    """That of the newest release, or of the next one, in development. Nothing is unreleased in a release."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = text.partition("\n## [Unreleased]\n")[2].partition("\n## [")[0].strip()
    released = [Version(name) for name in re.findall(r"^## \[(\d.*?)\] - \d{4}-\d\d-\d\d$", text, re.MULTILINE)]
    assert len(re.findall(r"^## \[", text, re.MULTILINE)) == len(released) + 1
    assert released == sorted(set(released), reverse=True)
    newest, version = max(released, default=Version("0.1.0")), Version(sparkify.__version__)
    assert (version.is_devrelease and version > newest) or (version == newest and not unreleased)


# ---- what messages name ----


def list_texts(source: str) -> Iterator[str]:
    """The texts of a module that are no docstrings."""
    tree = ast.parse(source)
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree)
                  if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_messages_name_only_what_whoever_installed_the_wheel_has() -> None:
    """No page of the checkout, and for pip only packages of the extras."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    known = {re.split("[>=<]", package)[0] for name in ("aws", "redshift", "report") for package in extras[name]}
    named = set()
    for path in (ROOT / "sparkify").rglob("*.py"):
        for text in list_texts(path.read_text(encoding="utf-8")):
            assert not re.search(r"\bdocs/|\w\.md\b", text), path
            if found := re.search(r"pip install ([\w .-]*\w)", text):
                named |= set(found[1].split())
            assert "pip install '" not in text, path
    assert named
    assert named <= known


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
    """The programs of the environment that `uv tool install WHEEL` makes.

    What the wheel needs is not fetched: the environment finds that of the tests.
    """
    folder = tmp_path_factory.mktemp("installed")
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (folder / "needed.txt").write_text("\n".join(re.split("[>=<]", package)[0] for package in needed), encoding="utf-8")
    options = ("--offline", "--no-cache", "--quiet", "--python", sys.executable, "--excludes", folder / "needed.txt")
    places = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    run(sys.executable, "-m", "uv", "tool", "install", *options, wheel, **places)
    (packages,) = folder.glob("tools/sparkify/lib/python*/site-packages")
    # In a folder named so, files *.pth are not read: the checkout stays out.
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    assert (folder / "bin" / "sparkify").resolve() == (folder / "tools" / "sparkify" / "bin" / "sparkify").resolve()
    return folder / "tools" / "sparkify" / "bin"


@pytest.mark.slow
def test_wheel_is_named_by_the_version(wheel: Path) -> None:
    platform = next(platform_tags()) if native.FILE.exists() else "any"
    assert wheel.name == f"sparkify-{sparkify.__version__}-py3-none-{platform}.whl"


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    files = (path for path in (ROOT / "sparkify").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    expected = {path.relative_to(ROOT).as_posix() for path in files}
    statements = {f"sparkify/sql/{name}.sql" for name in ("tables/songplays/load", "questions/top_songs")}
    assert {"sparkify/py.typed", *statements} <= expected
    information = f"sparkify-{sparkify.__version__}.dist-info/"
    assert {name for name in held if not name.startswith(information)} == expected
    assert {f"{information}licenses/LICENSE", f"{information}METADATA"} <= held


@pytest.mark.slow
def test_wheel_is_the_same_wherever_it_is_built(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another folder, from files with other times and rights."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "sparkify", copy / "sparkify", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1e9, 1e9))
        path.chmod(0o700 if path.is_dir() or os.access(path, os.X_OK) else 0o600)
    monkeypatch.chdir(copy)
    built = tmp_path / build_wheel(str(tmp_path))
    assert (built.name, built.read_bytes()) == (wheel.name, wheel.read_bytes())


WORK = f"""
import importlib.util, sparkify
from sparkify import SimulateOptions, load, load_config, query, simulate

print(sparkify.__file__, *(importlib.util.find_spec(name) for name in {ROOT_MODULES}))
data = simulate("data", SimulateOptions(events=100, users=5, songs=20))
config = load_config(log_data=str(data.log_data), song_data=str(data.song_data))
print(load(config).status, len(query(config, "top_songs").rows) > 0)
"""


@pytest.mark.slow
def test_wheel_is_alone_and_complete(installed: Path) -> None:
    assert run(installed / "sparkify", "--version") == f"sparkify, version {sparkify.__version__}\n"
    (package,) = installed.parent.glob("lib/python*/site-packages/sparkify")
    assert run(installed / "python", "-I", "-c", WORK).splitlines() == [
        f"{package / '__init__.py'} None None None", "loaded True",
    ]  # fmt: skip
    assert native.describe() in run(installed / "sparkify", "doctor")


CONSUMER = """
import datetime as dt
import sparkify

config = sparkify.load_config(warehouse="x.duckdb")
columns, rows = sparkify.query_sql(config, "SELECT $a", {"a": dt.date(2018, 11, 1)})
reveal_type(columns)
reveal_type(rows)
result = sparkify.query(config, "hours", cut=sparkify.Cut("2018-11-01", dt.date(2018, 11, 30), level="paid"))
reveal_type(result.types)
reveal_type(sparkify.export(config, "out", sparkify.ExportOptions(tables=["plays"])).tables)
reveal_type(sparkify.undo(config, 1).records)
reveal_type(sparkify.load(config, max_rejects=5).records)
reveal_type([file.url for file in sparkify.plan(config)])
reveal_type([result.rows for result in sparkify.check(config)])
sparkify.Cut(top="5")
"""


@pytest.mark.slow
def test_types_are_there_for_who_uses_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Another's mypy, in another folder. Without py.typed it would see no types."""
    (tmp_path / "consumer.py").write_text(CONSUMER, encoding="utf-8")
    options = ["--strict", "--config-file=", f"--cache-dir={tmp_path}", f"--python-executable={installed / 'python'}"]
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "consumer.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    told = [line.partition(": ")[2] for line in ended.stdout.splitlines()]
    assert [line.partition('"')[2].replace("builtins.", "") for line in told if line.startswith("note: Revealed")] == [
        'list[str]"',
        'list[tuple[Any, ...]]"',
        'list[str]"',
        'dict[str, int]"',
        'dict[str, int]"',
        'dict[str, int]"',
        'list[str]"',
        'list[int]"',
    ], ended.stdout
    errors = [line for line in told if line.startswith("error")]
    assert errors == ['error: Argument "top" to "Cut" has incompatible type "str"; expected "int | None"  [arg-type]']
