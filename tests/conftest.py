"""Fixtures of the whole suite: no test sees the caller's settings, working folder or files."""

import os
from pathlib import Path

import pytest

from sparkify.config import Config
from tests.support import new_warehouse


@pytest.fixture(autouse=True)
def hermetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder without dwh.cfg, and an environment without settings."""
    for name in os.environ:
        if name.startswith("SPARKIFY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def warehouse(tmp_path: Path) -> Config:
    """A warehouse that does not exist yet, over empty roots `log_data` and `song_data` beside it."""
    return new_warehouse(tmp_path)
