"""Which browser the tests drive. As a script (`python -m tests.browser.chromium`) prints its path."""

import os
import shutil
import sys

_NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable")
_NAMED = "SPARKIFY_TEST_BROWSER"
# Read on import, because tests run without the caller's environment.
_GIVEN = os.environ.get(_NAMED)


class NoBrowser(Exception):
    """There is no browser, or none with the given name."""


def find_chromium() -> str:
    """The path of SPARKIFY_TEST_BROWSER, else of the first Chromium or Chrome found. Raises NoBrowser."""
    if _GIVEN:
        if path := shutil.which(_GIVEN):
            return path
        raise NoBrowser(f"{_NAMED} names {_GIVEN!r}, which is no program; name a Chromium or Chrome, or nothing")
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    raise NoBrowser(
        "the tests of the report need a Chromium or Chrome, and there is none; install one (on Debian: apt install "
        f"chromium-headless-shell), or name it in {_NAMED}"
    )


if __name__ == "__main__":
    try:
        print(find_chromium())
    except NoBrowser as missing:
        sys.exit(f"browser: {missing}")
