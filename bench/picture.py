"""The picture of growth: time and memory of a first load by the number of events, as SVG."""

import re
import statistics
from typing import Any

import vl_convert

_FONT = "Liberation Sans"
_CLIP = re.compile(r"\bclip\d+\b")
_CONFIG = {
    "background": "white",
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {"labelColor": "#4b5563", "titleColor": "#4b5563", "gridColor": "#e5e7eb", "titleFontWeight": "normal"},
    "title": {"color": "#1f2937", "anchor": "start", "fontSize": 13},
    "line": {"color": "#2563eb", "point": {"color": "#2563eb", "filled": True, "size": 50}},
    "text": {"color": "#1f2937", "fontSize": 12, "dy": -12},
}


def _panel(title: str, field: str, events: list[int], scale: dict[str, Any]) -> dict[str, Any]:
    """One figure by the number of events, each point with its value."""
    across = {
        "field": "events", "type": "quantitative", "scale": {"type": "log", "nice": False, "padding": 30},
        "axis": {"format": "~s", "values": events},
    }  # fmt: skip
    figure = {"field": field, "type": "quantitative", "title": None, "scale": scale, "axis": {"tickCount": 4}}
    text = {"field": f"{field}_text", "type": "nominal"}
    return {
        "title": title, "width": 300, "height": 180,
        "encoding": {"x": across, "y": figure},
        "layer": [{"mark": "line"}, {"mark": "text", "encoding": {"text": text}}],
    }  # fmt: skip


def draw_growth(found: dict[str, Any]) -> str:
    """The picture as SVG; the same figures give the same text."""
    values = []
    for one in sorted(found.values(), key=lambda one: int(one["events"])):
        seconds = statistics.median(load["wall"] for load in one["loads"])
        peak = max(load["peak"] for load in one["loads"])
        told = {"seconds_text": f"{seconds:.1f} s", "peak_text": f"{peak:,.0f} MB"}
        values.append({"events": one["events"], "seconds": seconds, "peak": peak} | told)
    events = [value["events"] for value in values]
    times, peaks = [value["seconds"] for value in values], [value["peak"] for value in values]
    domain = [min(times) / 2, max(times) * 2]
    panels = [
        _panel("Seconds of a first load", "seconds", events, {"type": "log", "domain": domain}),
        _panel("Peak memory, MB", "peak", events, {"domain": [0, max(peaks) * 1.3]}),
    ]
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json", "config": _CONFIG, "spacing": 40, "padding": 12,
        "data": {"values": values}, "hconcat": panels,
    }  # fmt: skip
    # Vega counts what it clips from the start of the process.
    clips: dict[str, str] = {}
    drawn: str = vl_convert.vegalite_to_svg(spec)
    return _CLIP.sub(lambda clip: clips.setdefault(clip[0], f"clip{len(clips)}"), drawn) + "\n"
