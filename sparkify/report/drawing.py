"""Vega-Lite, by way of vl-convert: the script that draws in a browser, and pictures for where no script runs.

Both keep the interpreter to themselves for seconds, so they are made in a process of their own, which gets ready while
the questions are asked. It takes specifications on stdin and gives what it made on stdout, as JSON.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vl_convert
from markupsafe import Markup

import sparkify
from sparkify.errors import SparkifyError
from sparkify.report.marks import Spec, config_of

_LIBRARY = "window.vegaEmbed = vegaEmbed;"
# Pictures are drawn once, this wide; the page scales them down. Their letters are measured in the one font that
# vl-convert does not have to look for.
_PICTURE = {"width": 640, "config": config_of("sans-serif") | {"aria": False}}
_SHAPE = re.compile(r' (?:d|transform|x|y|x1|y1|x2|y2|width|height)="[^"]*"')
_FRACTION = re.compile(r"\d+\.\d{3,}")
_CLIP = re.compile(r'(?<=id=")clip\d+(?=")|(?<=url\(#)clip\d+(?=\))')


@dataclass(frozen=True)
class Drawing:
    """What a page draws with: the library, packed by gzip and written in base64, which halves the page; and pictures.

    `source` is how a content security policy names the library. A picture is SVG, by the name of its specification.
    """

    library: Markup
    source: str
    pictures: dict[str, Markup]

    @classmethod
    def of(cls, script: str, pictures: Mapping[str, str]) -> "Drawing":
        """Of a library's script and pictures as text."""
        packed = base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()
        drawn = {name: Markup(picture) for name, picture in pictures.items()}
        return cls(Markup(packed), name_source(script), drawn)


Draw = Callable[[Mapping[str, Spec]], Drawing]


@contextmanager
def start_drawing() -> Iterator[Draw]:
    """Get ready to draw; the function given draws specifications, once. Raises SparkifyError where that fails."""
    command = "from sparkify.report.drawing import serve; serve()"
    # -P: a file of the working folder must not pass for a module. The package is found where it is here.
    home = [str(Path(sparkify.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, home)), "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-P", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        # Ctrl-C is for this process, which ends the other.
        start_new_session=True,
    ) as process:

        def draw(specs: Mapping[str, Spec]) -> Drawing:
            drawn, _ = process.communicate(json.dumps(specs).encode())
            if process.returncode:
                raise SparkifyError("vl-convert could not draw; install sparkify[report] anew")
            return Drawing.of(**json.loads(drawn))

        try:
            yield draw
        finally:
            process.kill()


def serve() -> None:
    """The other process: get ready, wait for specifications, draw them, end."""
    script = _make_library()
    # The first picture is the one that takes long.
    vl_convert.vegalite_to_svg({"data": {"values": []}, "mark": "bar"})
    # Nothing comes where whoever asked was killed.
    if specs := sys.stdin.read():
        json.dump({"script": script, "pictures": draw_pictures(json.loads(specs))}, sys.stdout)


def _make_library() -> str:
    """The library's script, which the user's cache keeps: putting it together takes two seconds each time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "sparkify")
    kept = cache / f"vega-embed-{version('vl-convert-python')}.js"
    with suppress(OSError):
        return kept.read_text(encoding="utf-8")
    script: str = vl_convert.javascript_bundle(_LIBRARY)
    # Without a cache that can be written it takes those seconds again.
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}")
        unfinished.write_text(script, encoding="utf-8")
        unfinished.replace(kept)
    return script


def draw_pictures(specs: Mapping[str, Spec]) -> dict[str, str]:
    """The picture of each specification, as SVG. Marks have no text for screen readers: the table has it."""
    return {name: _draw_picture(name, spec) for name, spec in specs.items()}


def _draw_picture(name: str, spec: Spec) -> str:
    # Vega counts what it clips from the start of the process; on a page the names have to differ, and to be the same
    # each time.
    clips: dict[str, str] = {}
    svg = vl_convert.vegalite_to_svg(spec | _PICTURE)
    svg = _CLIP.sub(lambda found: clips.setdefault(found[0], f"{name}-clip{len(clips)}"), svg)
    # A hundredth of a pixel is not seen, and half of a picture would be digits.
    return _SHAPE.sub(lambda found: _FRACTION.sub(lambda one: f"{float(one[0]):.2f}", found[0]), svg)


def name_source(script: str) -> str:
    """A script by its digest, as a content security policy names one that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def embed_json(value: Any) -> Markup:
    """A value as JSON that can stand in a script element: it holds no `<`."""
    return Markup(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))
