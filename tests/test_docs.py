"""The documentation is correct: generated files are up to date, links work, commands parse, examples run."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

import sparkify
from docs import generate
from sparkify import check
from sparkify.cli import cli
from sparkify.exports.export import TABLES as EXPORTED
from sparkify.settings import load_config
from sparkify.sql import read_table
from sparkify.star.tables import STAR, TABLES, VIEWS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md")), ROOT / "native" / "README.md"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def list_blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return [block for name, block in FENCE.findall(text) if name == language]


def list_shell_lines() -> Iterator[tuple[str, list[str]]]:
    """Each command of each ```sh block, with its page."""
    for page in PAGES:
        for block in list_blocks(read(page), "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if words := shlex.split(line, comments=True):
                    yield page.name, words


SHELL_LINES = list(list_shell_lines())
# Each once: other pages may repeat the README's commands.
SPARKIFY_LINES = {shlex.join(words): words for _, words in SHELL_LINES if words[0] == "sparkify"}


def slugs(page: Path) -> set[str]:
    """The anchors that GitHub makes for the headings of a page."""
    text = FENCE.sub("", read(page))
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


# ---- generated files ----


@pytest.mark.parametrize("name", generate.RENDERERS)
def test_generated_file_is_fresh(name: str) -> None:
    path = ROOT / name
    assert path.is_file(), f"{name} is missing: run make docs"
    assert path.read_bytes() == generate.RENDERERS[name]().encode(), f"{name} is stale: run make docs"


def test_only_what_is_stale_is_written(tmp_path: Path) -> None:
    assert generate.main(check=True, folder=tmp_path) == list(generate.RENDERERS)
    assert list(tmp_path.iterdir()) == []
    assert generate.main(folder=tmp_path) == list(generate.RENDERERS)
    assert generate.main(folder=tmp_path) == []


def test_commands_do_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = generate.render_commands()
    monkeypatch.setenv("COLUMNS", "40")
    assert generate.render_commands() == text


def test_pictures_show_tables_columns_and_foreign_keys() -> None:
    for page, names in ((ROOT / "README.md", STAR), (DOCS / "tables.md", TABLES)):
        pictures = "".join(list_blocks(read(page), "mermaid"))
        for table in map(read_table, names):
            (box,) = re.findall(rf"^    {table.name} {{\n(.*?)^    }}", pictures, re.MULTILINE | re.DOTALL)
            assert [line.split()[1] for line in box.splitlines()] == [column.name for column in table.columns]
            for key, other in re.findall(r"FOREIGN KEY \((\w+)\) REFERENCES (\w+)", table.header.get("Keys", "")):
                assert re.search(rf'^    {other} \S+ {table.name} : "{key}"$', pictures, re.MULTILINE)
                assert re.search(rf"^        \w+ {key} (PK, )?FK$", box, re.MULTILINE)


def test_flow_leads_to_every_table_of_the_star() -> None:
    for page in (ROOT / "README.md", DOCS / "architecture.md"):
        (picture,) = [block for block in list_blocks(read(page), "mermaid") if block.startswith("flowchart")]
        for table in STAR:
            assert re.search(rf"^    \w+ --> {table}$", picture, re.MULTILINE)
        assert all(name in picture for name in TABLES)


def test_every_table_and_column_is_described() -> None:
    text = read(DOCS / "tables.md")
    for table in TABLES:
        section = text.split(f"\n## {table}\n")[1].split("\n## ")[0]
        for column in read_table(table).columns:
            assert f"| `{column.name}` | `{column.type}` |" in section
        assert table in README
    for view in VIEWS:
        section = text.split(f"\n## {view}\n")[1].split("\n## ")[0]
        assert section.count("\n| `") == len(read_table(view).columns) > 0


def test_sources_of_dbt_have_every_column_and_the_keys_of_the_picture() -> None:
    (source,) = yaml.safe_load(read(DOCS / "dbt" / "sparkify.yml"))["sources"]
    assert [table["name"] for table in source["tables"]] == list(EXPORTED)
    keys = set()
    for table in source["tables"]:
        described = {column["name"]: column["description"] for column in table["columns"]}
        assert described == {column.name: column.meaning for column in read_table(table["name"]).columns}
        for column in table["columns"]:
            for test in column.get("data_tests", []):
                if test not in ("unique", "not_null"):
                    to = test["relationships"]["arguments"]["to"].removeprefix("source('sparkify', '").rstrip("')")
                    keys.add((to, table["name"], column["name"]))
    (picture,) = [block for block in list_blocks(README, "mermaid") if block.startswith("erDiagram")]
    assert keys == set(re.findall(r'^    (\w+) \S+ (\w+) : "(\w+)"$', picture, re.MULTILINE))


# ---- links ----


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", read(page))):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{page.name} links to {target}"
        assert path.is_relative_to(ROOT)
        assert not anchor or anchor in slugs(path), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_tests_that_are_named_exist(page: Path) -> None:
    sources = {path: read(path) for path in (ROOT / "tests").rglob("*.py")}
    known = {name for text in sources.values() for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}
    known |= {path.name for path in sources} | {f"tests/{path.relative_to(ROOT / 'tests')}" for path in sources}
    named = re.findall(r"(?:tests/[\w/]*)?\btest_\w+(?:\.py)?", read(page))
    assert set(named) - known == set()
    assert len(named) > 30 or page.name != "loading.md"


# ---- commands ----


def test_there_are_command_lines() -> None:
    assert len(SPARKIFY_LINES) > 10


@pytest.mark.parametrize("words", SPARKIFY_LINES.values(), ids=SPARKIFY_LINES)
def test_command_line_parses(words: list[str]) -> None:
    if words[1].startswith("-"):
        with pytest.raises(click.exceptions.Exit) as exit_info:
            cli.make_context("sparkify", words[1:])
        assert exit_info.value.exit_code == 0
        return
    # With the group's settings: a command keeps the help option of its first context.
    group = click.Context(cli, **cli.context_settings)
    name, command, arguments = cli.resolve_command(group, words[1:])
    assert name is not None
    assert command is not None
    if arguments[-1:] == ["--help"]:
        with pytest.raises(click.exceptions.Exit):
            command.make_context(name, arguments, parent=group)
        return
    command.make_context(name, arguments, parent=group)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", read(ROOT / "Makefile"), re.MULTILINE))
    for page, words in SHELL_LINES:
        if words[0] == "make":
            assert words[1] in targets, page


def test_every_command_is_named() -> None:
    context = click.Context(cli)
    names = cli.list_commands(context)
    assert re.findall(r"^\| `sparkify (\w+)`", README, re.MULTILINE) == names
    for name in names:
        command = cli.get_command(context, name)
        assert command is not None
        section = read(DOCS / "commands.md").split(f"\n## sparkify {name}\n")[1].split("\n## ")[0]
        common = read(DOCS / "commands.md").split("\n## Common options\n")[1].split("\n## ")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert f"`{', '.join(parameter.opts)}" in section + common


def test_readme_opens_with_the_two_commands() -> None:
    opening = "\n".join(README.splitlines()[:12])
    assert "make demo" in opening
    assert "make test" in opening


# ---- settings ----


def test_a_page_without_its_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="no part between <!-- settings: "):
        generate.replace_part("# Configuration\n", "settings", "| new |\n")


def test_example_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "dwh.cfg").write_text("\n".join(list_blocks(read(DOCS / "configuration.md"), "ini")), encoding="utf-8")
    found = load_config()
    assert (found.log_data, found.memory_limit) == ("data/log_data", "2GB")
    assert [*found.event_keys, *found.song_keys] == ["length", "page", "title"]


# ---- the README's own examples ----


@pytest.mark.slow
def test_readme_shows_what_the_demo_prints(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["demo", "build/demo"], standalone_mode=False)
    printed = re.sub(r"in [\d.]+ s$", "in … s", capsys.readouterr().out, flags=re.MULTILINE)
    printed = re.sub(r"^judged by SQL.*\n", "", printed, flags=re.MULTILINE)
    (shown,) = [block for block in list_blocks(README, "text") if block.startswith("simulated ")]
    parts = re.sub(r"in [\d.]+ s$", "in … s", shown, flags=re.MULTILINE)
    position = 0
    for part in re.split(r"^ *…\n", parts, flags=re.MULTILINE):
        assert part in printed[position:]
        position = printed.index(part, position) + len(part)


def test_readme_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The two records, one line each, loaded and queried by the snippet, as shown."""
    blocks = [json.dumps(json.loads(block)) for block in list_blocks(README, "json")]
    for folder, line in zip(("data/log_data", "data/song_data"), blocks, strict=True):
        Path(folder).mkdir(parents=True)
        Path(folder, "one.json").write_text(line + "\n", encoding="utf-8")
    (snippet,) = list_blocks(README, "python")
    exec(compile(snippet, "README.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        "loaded {'read': 2, 'loaded': 2, 'rejected': 0, 'repaired': 0}",
        "['song_title', 'plays'] [('Uprising', 1)]",
    ]
    assert all(result.passed for result in check(load_config(warehouse="sparkify.duckdb")))


@pytest.mark.slow
def test_examples_of_the_library_run_and_use_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    page = read(DOCS / "library.md")
    names: dict[str, object] = {}
    for snippet in list_blocks(page, "python"):
        # With the lines before it, so that an error tells its line of the page.
        lines_before = page.count("\n", 0, page.index(snippet))
        exec(compile("\n" * lines_before + snippet, "library.md", "exec"), names)
    used = set(re.findall(r"\w+", " ".join(list_blocks(page, "python") + list_blocks(page, "py"))))
    assert set(sparkify.__all__) - used == {"Config", "Result", "__version__"}
    assert "did you mean top_songs?" in capsys.readouterr().out
