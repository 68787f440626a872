"""In which states they are: a map with a square for each state of the US, and a ranking."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number
from sparkify.report.marks import Record, Spec
from sparkify.report.words import hide_single, isolate, note_hidden, ranking, shorten_number

# Where the states lie, roughly: each is a square of the same size, so that small ones can be read.
_MAP = """
AK .. .. .. .. .. .. .. .. .. .. ME
.. .. .. .. .. .. WI .. .. .. VT NH
.. WA ID MT ND MN IL MI .. NY MA ..
.. OR NV WY SD IA IN OH PA NJ CT RI
.. CA UT CO NE MO KY WV VA MD DE ..
.. .. AZ NM KS AR TN NC SC DC .. ..
.. .. .. .. OK LA MS AL GA .. .. ..
HI .. .. .. TX .. .. .. .. FL .. PR
"""
_LEAST_ON_MAP = 2


def draw(records: Sequence[Record]) -> Spec | None:
    spec = ranking(
        records,
        "States with the most plays",
        name=lambda record: record["state"] or "without a state",
        details=lambda record: [count_of(record["listeners"], "listener")],
    )
    found = {record["state"]: record for record in records if record["state"] in _MAP.split()}
    if spec is None or len(found) < _LEAST_ON_MAP:
        return spec
    most = max(record["plays"] for record in found.values())
    return spec | {
        "description": "Plays by state, as a map with a square for each state of the US, and the states with the most",
        "tiles": [_tile(state, found.get(state), most) for state in _MAP.split()],
        "columns": len(_MAP.split("\n")[1].split()),
        "most": format_number(most),
    }


def _tile(state: str, record: Record | None, most: int) -> Record | None:
    """A square of the map; None where there is no state."""
    if state == "..":
        return None
    plays = 0 if record is None else record["plays"]
    exact = "" if record is None else f"{count_of(plays, 'play')} by {count_of(record['listeners'], 'listener')}"
    return {"state": state, "share": plays / most, "text": shorten_number(plays) if plays else "", "exact": exact}


def note(records: Sequence[Record]) -> str | None:
    elsewhere = sum(record["plays"] for record in records if record["state"] not in _MAP.split())
    on_map = sum(record["state"] in _MAP.split() for record in records) >= _LEAST_ON_MAP
    told = f"Not on the map: {count_of(elsewhere, 'play')}." if elsewhere and on_map else None
    return " ".join(filter(None, [told, note_hidden(records)])) or None


def describe(records: Sequence[Record]) -> str | None:
    known = [record for record in records if record["state"] is not None]
    if not known:
        return None
    # Those of a single listener are not counted: the page may be without them.
    several = sum(record["listeners"] > 1 for record in known)
    among = "" if any(record["listeners"] == 1 for record in records) else "Of states with more than one listener, "
    return (
        f"{among}{isolate(known[0]['state'])} has the most plays: {format_number(known[0]['plays'])}, by "
        f"{count_of(known[0]['listeners'], 'listener')}. {count_of(several, 'state')} "
        f"{'has' if several == 1 else 'have'} more than one listener."
    )


def hide_people(records: list[Record]) -> tuple[list[Record], str | None]:
    return hide_single(records, "listeners", "state")
