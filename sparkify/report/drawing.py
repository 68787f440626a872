"""Vega-Lite, by way of vl-convert: the scripts that draw in a browser, and pictures for where no script runs."""

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import vl_convert
from markupsafe import Markup

from sparkify.errors import SparkifyError
from sparkify.report.marks import CONFIG, Spec

# Pictures are drawn once, this wide; the page scales them down.
_PICTURE_WIDTH = 640
_SHAPE = re.compile(r' (?:d|transform|x|y|x1|y1|x2|y2|width|height)="[^"]*"')
_FRACTION = re.compile(r"\d+\.\d{3,}")
_CLIP = re.compile(r'(?<=id=")clip\d+(?=")|(?<=url\(#)clip\d+(?=\))')


@dataclass(frozen=True)
class Runtime:
    """The script that makes `vegaEmbed` known to the page: packed by gzip and written in base64, which halves the page.

    `source` is how a content security policy names the script itself.
    """

    packed: Markup
    source: str

    @classmethod
    def of(cls, script: bytes) -> "Runtime":
        """Pack a script."""
        return cls(Markup(base64.b64encode(gzip.compress(script, mtime=0)).decode()), name_source(script))


def name_source(script: bytes) -> str:
    """A script by its digest, as a content security policy names one that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


@contextmanager
def start_runtime() -> Iterator[Callable[[], Runtime]]:
    """Begin to put the script together that draws; the function given waits for it.

    That takes two seconds in which nothing else of the interpreter runs, hence a process of its own. Raises
    SparkifyError where it fails.
    """
    command = "import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;'))"
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    # -P: a file of the working folder must not pass for a module.
    with subprocess.Popen([sys.executable, "-P", "-c", command], stdout=subprocess.PIPE, env=environment) as process:

        def finish() -> Runtime:
            script, _ = process.communicate()
            if process.returncode:
                raise SparkifyError("vl-convert could not put its script together; install sparkify[report] anew")
            return Runtime.of(script)

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
    svg = vl_convert.vegalite_to_svg(sized)
    svg = _CLIP.sub(lambda found: clips.setdefault(found[0], f"{name}-clip{len(clips)}"), svg)
    # A hundredth of a pixel is not seen, and half of a picture would be digits.
    return Markup(_SHAPE.sub(lambda found: _FRACTION.sub(lambda one: f"{float(one[0]):.2f}", found[0]), svg))
