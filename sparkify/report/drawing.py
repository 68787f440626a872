"""Vega-Lite, by way of vl-convert: the scripts that draw in a browser, and pictures for where no script runs."""

import base64
import gzip
import json
from typing import Any

import vl_convert
from markupsafe import Markup

from sparkify.report.charts import CONFIG, Spec

# Pictures are drawn once, this wide; the page scales them down.
_PICTURE_WIDTH = 640


def embed_runtime() -> Markup:
    """The script that makes `vegaEmbed` known to the page, packed by gzip and written in base64: half the page."""
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return Markup(base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode())


def embed_json(value: Any) -> Markup:
    """A value as JSON that can stand in a script element: it holds no `<`."""
    return Markup(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))


def render_svg(spec: Spec) -> Markup:
    """The picture of a specification, as SVG. Marks have no text of their own for screen readers: the table has it."""
    sized = spec | {"width": _PICTURE_WIDTH, "config": CONFIG | {"aria": False}}
    return Markup(vl_convert.vegalite_to_svg(sized))
