"""Vega-Lite, by way of vl-convert: the scripts that draw in a browser, and pictures for where no script runs."""

import base64
import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import vl_convert
from markupsafe import Markup

from sparkify.errors import SparkifyError
from sparkify.report.marks import CONFIG, Spec

# Pictures are drawn once, this wide; the page scales them down.
_PICTURE_WIDTH = 640
_CLIP = re.compile(r"\bclip\d+\b")


@contextmanager
def start_runtime() -> Iterator[Callable[[], Markup]]:
    """Begin to make the script that makes `vegaEmbed` known to the page; the function given waits for it.

    The script comes packed by gzip and written in base64, which halves the page. Putting it together takes two seconds
    in which nothing else of the interpreter runs, hence a process of its own. Raises SparkifyError where that fails.
    """
    command = "import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;'))"
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    # -P: a file of the working folder must not pass for a module.
    with subprocess.Popen([sys.executable, "-P", "-c", command], stdout=subprocess.PIPE, env=environment) as process:

        def finish() -> Markup:
            script, _ = process.communicate()
            if process.returncode:
                raise SparkifyError("vl-convert could not put its script together; install sparkify[report] anew")
            return Markup(base64.b64encode(gzip.compress(script, mtime=0)).decode())

        try:
            yield finish
        finally:
            process.kill()


def embed_json(value: Any) -> Markup:
    """A value as JSON that can stand in a script element: it holds no `<`."""
    return Markup(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))


def render_svg(name: str, spec: Spec) -> Markup:
    """The picture of a specification, as SVG. Marks have no text of their own for screen readers: the table has it."""
    sized = spec | {"width": _PICTURE_WIDTH, "config": CONFIG | {"aria": False}}
    # Vega counts what it clips from the start of the process; on a page the names have to differ, and to be the same
    # each time.
    clips: dict[str, str] = {}
    return Markup(
        _CLIP.sub(
            lambda found: clips.setdefault(found[0], f"{name}-clip{len(clips)}"), vl_convert.vegalite_to_svg(sized)
        )
    )
