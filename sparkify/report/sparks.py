"""The small lines in the tiles: how a key figure went over the days of the page, without axes or numbers."""

from collections.abc import Mapping, Sequence

from sparkify.questions.answers import Answers
from sparkify.report.bulk import Bulk, split_far
from sparkify.report.marks import Record
from sparkify.report.spans import Spans, choose_spans, sum_spans

# Of the picture, in units of its own: the page stretches it.
_WIDTH, _HEIGHT, _EDGE = 100, 24, 2


def draw_sparks(answers: Answers, bulk: Bulk | None) -> dict[str, str]:
    """The points of a line for each key figure, by its name; none for a page of fewer than three days."""

    def days_of(name: str) -> list[Record]:
        records, _ = split_far([one for one in answers.of(name).records if one["day"] is not None], bulk)
        # Not every question takes a level.
        return [one for one in records if answers.cut.level is None or one.get("level") in (None, answers.cut.level)]

    audience, hours, levels = (days_of(name) for name in ("audience", "hours", "levels"))
    if len(audience) < 3:
        return {}
    spans = choose_spans(record["day"] for record in audience)
    plays = _means(hours, spans, "plays")
    paid = _means([record for record in hours if record["level"] == "paid"], spans, "plays")
    lines = {
        "plays": plays,
        "listeners": _means(audience, spans, "dau"),
        "sessions": _means(levels, spans, "sessions"),
        "hours": _means(hours, spans, "hours"),
        "paid_share": [part / whole for part, whole in zip(paid, plays, strict=True) if whole],
    }
    return {name: _points(line) for name, line in lines.items() if len(line) > 2}


def _means(records: Sequence[Record], spans: Spans, field: str) -> list[float]:
    """A field's mean by day, of each span."""
    sums: Mapping[object, float] = {row["start"]: row[field] or 0 for row in sum_spans(records, spans, [field])}
    return [sums.get(start, 0) / spans.count_days(start) for start in spans.list_starts()]


def _points(values: Sequence[float]) -> str:
    """The points of an SVG polyline, from the least value at the bottom to the most at the top."""
    least, most = min(values), max(values)
    step = _WIDTH / (len(values) - 1)
    room = _HEIGHT - 2 * _EDGE
    # Of a line that stays as it is, the middle.
    heights = [(value - least) / (most - least) if most > least else 0.5 for value in values]
    return " ".join(
        f"{number * step:.4g},{_HEIGHT - _EDGE - room * height:.3g}" for number, height in enumerate(heights)
    )
