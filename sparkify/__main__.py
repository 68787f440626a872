"""The command `sparkify`, also as `python -m sparkify`. Ctrl-C is heeded before all else is imported."""

import os
import sys

from sparkify import interrupts


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command; exits with its code."""
    interrupts.end_at_once()
    try:
        if arguments is None:
            _use_utf_8()
        from sparkify.cli import main as run

        run(arguments)
    except KeyboardInterrupt:
        # It came when the command was over, and had not yet said so.
        interrupts.leave()
        raise


def _use_utf_8() -> None:
    """Begin again in Python's UTF-8 mode, where the locale has another encoding: DuckDB takes names as UTF-8 only.

    What is printed keeps the encoding of the locale.
    """
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8" and "utf8" not in sys._xoptions and sys.executable:
        os.environ.setdefault("PYTHONIOENCODING", f"{encoding}:backslashreplace")
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


if __name__ == "__main__":
    main()
