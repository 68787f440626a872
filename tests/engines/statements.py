"""The statements that Redshift gets, as files: what a change of the loader changes there shows in their diff.

`python -m tests.engines.statements` writes them anew.
"""

from pathlib import Path

from sparkify.script import (
    check_statements,
    create_statements,
    load_statements,
    render,
    replay_statements,
    undo_statements,
)
from sparkify.settings import Config

FOLDER = Path(__file__).parent / "statements"
ROLE = "arn:aws:iam::123456789012:role/warehouse"


def render_files() -> dict[str, str]:
    """Each file's name and the text that it has to hold."""
    config = Config(arn=ROLE)
    return {
        "create.sql": render(create_statements()),
        "drop_and_create.sql": render(create_statements(drop=True)),
        "first_load.sql": render(load_statements(config, rebuild=True)),
        "later_load.sql": render(load_statements(config, rebuild=False, replaces=True)),
        "direct_load.sql": render(load_statements(config, rebuild=True, direct=True)),
        "undo.sql": render(undo_statements(config, rebuild=False)),
        "replay.sql": render(replay_statements(config, rebuild=False)),
        "check.sql": render(check_statements()),
    }


def main() -> None:
    """Write every file."""
    for name, text in render_files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
