"""The drawing and the sentence of each question: `NAME.py` for `sql/questions/NAME.sql`, from the answer only.

A module has `draw(records)`, which returns a Vega-Lite specification, bars, a grid (see `marks`) or None, and
`describe(records)`, which returns the answer in words or None; both get at least one record. It may have
`note(records)`, what the drawing leaves out, and `hide_people(records)`, the records without those of a single
listener, and a sentence about what was left out.

Exact values are in the tooltip, or written beside the bar.
"""

import json
import re
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from sparkify.report.marks import SCHEMA, Record, Spec
from sparkify.timezones import UTC

# Whose words name the clock: these two functions take its time zone, too.
_CLOCKED = ("heatmap",)


def draw(name: str, records: Sequence[Record], timezone: str = UTC) -> Spec | None:
    """The drawing of a question's answer by the clock of a time zone; None if there is nothing to draw."""
    return complete(_find(name).draw(records, *_clock(name, timezone)) if records else None)


def complete(spec: Spec | None) -> Spec | None:
    """A drawing as Vega-Lite takes it; what the page draws by itself stays as it is."""
    if spec is None or not is_vega(spec):
        return spec
    if "drawings" in spec:
        return spec | {"drawings": [_complete(one) for one in spec["drawings"]]}
    return _complete(spec)


def _complete(spec: Spec) -> Spec:
    """A specification as Vega-Lite takes it, with the fields that it uses."""
    used = json.dumps({key: part for key, part in spec.items() if key != "data"})
    # Fields that no mark, axis or tooltip uses would only make the page larger.
    fields = [field for field in spec["data"]["values"][0] if re.search(rf"\b{field}\b", used)]
    spec["data"] = {"values": [{field: row[field] for field in fields} for row in spec["data"]["values"]]}
    return {"$schema": SCHEMA, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}, **spec}


def is_vega(spec: Spec) -> bool:
    """Whether a script draws it, or several `drawings`. The page draws bars and grids by itself."""
    return "data" in spec or "drawings" in spec


def describe(name: str, records: Sequence[Record], timezone: str = UTC) -> str | None:
    """The answer to a question in a sentence or two, for readers who do not look at the drawing."""
    sentence: str | None = _find(name).describe(records, *_clock(name, timezone)) if records else None
    return sentence


def _clock(name: str, timezone: str) -> tuple[str, ...]:
    return (timezone,) if name in _CLOCKED else ()


def note(name: str, records: Sequence[Record]) -> str | None:
    """What the drawing leaves out, but the numbers have."""
    module = _find(name)
    sentence: str | None = module.note(records) if hasattr(module, "note") else None
    return sentence


def hide_people(name: str, records: list[Record]) -> tuple[list[Record], str | None]:
    """The records without those of a single listener, and a sentence about what was left out."""
    module = _find(name)
    shown: tuple[list[Record], str | None] = (
        module.hide_people(records) if hasattr(module, "hide_people") else (records, None)
    )
    return shown


def _find(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")
