"""Vega-Lite through vl-convert: the script that draws in a browser, and pictures for browsers without scripts.

Both block the interpreter for seconds, so they are made in another process, which starts while the questions are being
answered. It reads specifications from stdin and writes the results to stdout, as JSON.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vl_convert
from markupsafe import Markup

import sparkify
from sparkify.outputs import replace_file
from sparkify.report.marks import Spec, config_of

_LIBRARY_NAME = "library"
_LIBRARY = "window.vegaEmbed = vegaEmbed;"
# Pictures are drawn with this width; the page scales them down. Text is measured in the one font that vl-convert does
# not have to search for.
_PICTURE = {"width": 640, "config": config_of("sans-serif") | {"aria": False}}
_SHAPE = re.compile(r' (?:d|transform|x|y|x1|y1|x2|y2|width|height)="[^"]*"')
_FRACTION = re.compile(r"\d+\.\d{3,}")
# For all pictures; a process that is stopped, or a script without an end, must not hold up the page.
_LONGEST_SECONDS = 300
_WHY_ENDED = {
    "SIGKILL": ", as a system does that is short of memory",
    "SIGTRAP": ", as its engine for scripts does that is short of memory",
}
# https://www.w3.org/TR/xml/#charsets
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_BASIC = re.compile("[\U00010000-\U0010ffff]")
_SIGNS = {chr(code): chr(0x2400 + code) for code in range(0x20)}
_CLIP = re.compile(r'(?<=id=")clip\d+(?=")|(?<=url\(#)clip\d+(?=\))')


@dataclass(frozen=True)
class Drawing:
    """What a page needs to draw: the library, as gzip in base64, which halves the page, and the pictures.

    `source` is the library in a content security policy. A picture is SVG, by the name of its specification. `failures`
    says why a picture or the `library` is missing; without the library, nothing draws in a browser.
    """

    library: Markup
    source: str
    pictures: dict[str, Markup]
    failures: dict[str, str]

    @classmethod
    def of(cls, script: str, pictures: Mapping[str, str], failures: Mapping[str, str] | None = None) -> "Drawing":
        """Make a Drawing from a library's script and pictures as text."""
        packed = base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()
        drawn = {name: Markup(picture) for name, picture in pictures.items()}
        return cls(Markup(packed), name_source(script), drawn, dict(failures or {}))


Draw = Callable[[Mapping[str, Spec]], Drawing]
_Process = subprocess.Popen[bytes]
# The result of drawing one thing: its text as `made`, or the reason as `failure`.
Outcome = dict[str, str]


@contextmanager
def start_drawing(longest_seconds: float = _LONGEST_SECONDS) -> Iterator[Draw]:
    """Start drawing in the background; yields a function that draws specifications, once. See Drawing.failures."""
    with _start_process() as process:

        def draw(specs: Mapping[str, Spec]) -> Drawing:
            library, outcomes = _ask(process, specs, time.monotonic() + longest_seconds)
            outcomes |= {_LIBRARY_NAME: library}
            pictures = {name: outcomes[name]["made"] for name in specs if "made" in outcomes[name]}
            failures = {name: outcome["failure"] for name, outcome in outcomes.items() if "failure" in outcome}
            return Drawing.of(library.get("made", ""), pictures, failures)

        yield draw


@contextmanager
def _start_process() -> Iterator[_Process | Outcome]:
    """The process that draws; the failure if it cannot be started."""
    command = "from sparkify.report.drawing import serve; serve()"
    # -P: files in the working folder must not be imported as modules. The package's own folder is passed on.
    home = [str(Path(sparkify.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, home)), "PYTHONUTF8": "1"}
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # vl-convert's messages there help only its authors.
            stderr=subprocess.DEVNULL,
            env=environment,
            # Ctrl-C is handled by this process, which ends the other.
            start_new_session=True,
        )
    except OSError as error:
        yield {"failure": f"the process that draws could not be started ({error.strerror})"}
        return
    with process:
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _ask(process: _Process | Outcome, specs: Mapping[str, Spec], end: float) -> tuple[Outcome, dict[str, Outcome]]:
    """The results for the library and each specification, even if one of them kills the process.

    At `end`, a time of the monotonic clock, what is not drawn has failed.
    """
    if not isinstance(process, subprocess.Popen):
        return process, dict.fromkeys(specs, process)
    answer, early = _read_answer(process, json.dumps(specs).encode(), end)
    # The last line is empty, or incomplete if the process was killed.
    lines = [json.loads(line) for line in answer.split(b"\n")[:-1]]
    if not lines:
        return early, dict.fromkeys(specs, early)
    library, *drawn = lines
    outcomes = dict(zip(specs, drawn, strict=False))
    left = list(specs)[len(drawn) :]
    if time.monotonic() >= end:
        outcomes |= dict.fromkeys(left, early)
    elif left:
        outcomes[left[0]] = early
        # A new process draws the rest.
        with _start_process() as another:
            outcomes |= _ask(another, {name: specs[name] for name in left[1:]}, end)[1]
    return library, outcomes


def _read_answer(process: _Process, question: bytes, end: float) -> tuple[bytes, Outcome]:
    """What a process answers, and why it has not answered more, if so."""
    try:
        answer, _ = process.communicate(question, timeout=max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0], {"failure": "the process that draws took too long"}
    return answer, {"failure": _describe_end(process.returncode)}


def _describe_end(code: int) -> str:
    """Why the drawing process ended early, by its exit code."""
    if code >= 0:
        return f"the process that draws ended early (exit code {code})"
    names = {one.value: one.name for one in signal.Signals}
    name = names.get(-code, f"signal {-code}")
    return f"the process that draws ended early ({name}{_WHY_ENDED.get(name, '')})"


def serve() -> None:
    """The drawing process: get ready, wait for specifications, draw them, end."""
    library = _attempt(_make_library)
    # The first picture is slow.
    _attempt(lambda: draw_picture("first", {"data": {"values": []}, "mark": "bar"}))
    # stdin is empty if the other process was killed.
    if asked := sys.stdin.read():
        # One line for each, at once: if the next one kills this process, the earlier ones are not lost.
        print(json.dumps(library), flush=True)
        for name, spec in json.loads(asked).items():
            print(json.dumps(_attempt(partial(draw_picture, name, spec))), flush=True)


def _attempt(make: Callable[[], str]) -> Outcome:
    try:
        return {"made": make()}
    # vl-convert raises any error of a script, and panics of Rust are not an Exception.
    except BaseException as error:
        # The next lines are positions in its own source.
        lines = [line.strip() for line in str(error).splitlines() if not line.startswith("    at ")]
        return {"failure": f"vl-convert says: {' '.join(lines)}"}


def _make_library() -> str:
    """The library's script, from the user's cache if possible: making it takes two seconds."""
    cache = _find_cache()
    kept = cache / f"vega-embed-{version('vl-convert-python')}.js" if cache is not None else None
    if kept is not None and (found := _read_kept(kept)) is not None:
        return found
    script: str = vl_convert.javascript_bundle(_LIBRARY)
    # If the cache cannot be written, it is made again next time.
    with suppress(OSError):
        if cache is not None and kept is not None:
            cache.mkdir(parents=True, exist_ok=True)
            replace_file(kept, f"{script}{_signature(script)}".encode())
    return script


def _find_cache() -> Path | None:
    """The folder of the cache, as https://specifications.freedesktop.org/basedir/ has it; None without a home."""
    places = [Path(os.environ.get("XDG_CACHE_HOME") or "")]
    with suppress(RuntimeError):
        places.append(Path.home() / ".cache")
    return next((place / "sparkify" for place in places if place.is_absolute()), None)


def _read_kept(kept: Path) -> str | None:
    """The script in a file of the cache; None if it is not there or not complete."""
    with suppress(OSError, UnicodeDecodeError):
        script, sign, digest = kept.read_bytes().decode().rpartition(_signature("")[:4])
        if sign + digest == _signature(script):
            return script
    return None


def _signature(script: str) -> str:
    """The last line of a file of the cache."""
    return f"\n// {name_source(script)}"


def draw_picture(name: str, spec: Spec) -> str:
    """A specification's picture, as SVG. Marks have no text for screen readers: the table has it."""
    # Vega numbers its clip paths from the start of the process. On a page the names must be different, and always the
    # same.
    clips: dict[str, str] = {}
    svg = _draw(spec | _PICTURE)
    svg = _CLIP.sub(lambda found: clips.setdefault(found[0], f"{name}-clip{len(clips)}"), svg)
    # More than two decimals of a pixel are not visible, and would make half of the file.
    return _SHAPE.sub(lambda found: _FRACTION.sub(lambda one: f"{float(one[0]):.2f}", found[0]), svg)


def _draw(spec: Spec) -> str:
    try:
        return str(vl_convert.vegalite_to_svg(spec))
    except ValueError:
        # Vega cuts a long text also in the middle of a character of two UTF-16 units, which vl-convert cannot read.
        basic = _replace_texts(spec, lambda text: _NOT_BASIC.sub("□", text))
        if basic == spec:
            raise
        return str(vl_convert.vegalite_to_svg(basic))


def make_drawable(value: Any) -> Any:
    """A specification, or a part of it, with only characters that can be drawn.

    A picture is XML, which does not allow most control characters: each is replaced by its Unicode symbol (U+2419 for
    U+0019), and other characters that XML does not allow by U+FFFD. White space that XML allows stays.
    """
    return _replace_texts(value, lambda text: _NOT_IN_XML.sub(lambda found: _SIGNS.get(found[0], "\ufffd"), text))


def _replace_texts(value: Any, replace: Callable[[str], str]) -> Any:
    """A value with every text in it replaced."""
    if isinstance(value, str):
        return replace(value)
    if isinstance(value, Mapping):
        return {_replace_texts(key, replace): _replace_texts(part, replace) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_texts(part, replace) for part in value]
    return value


def name_source(script: str) -> str:
    """The digest of a script, as a content security policy allows it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def embed_json(value: Any) -> Markup:
    """A value as JSON without `<`, for use in a script element."""
    return Markup(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))
