"""The shapes of a file: how its records stand in it. The records are the same in each."""

import re
from typing import Literal, NamedTuple

Shape = Literal["lines", "objects", "array", "indented"]

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")|([{\[]|[}\]]|,)\s*')


# After a record: what follows stands on the same line. No record has this character.
NO_LINE_END = "\ue000"


class Layout(NamedTuple):
    """The text before, between and after the records of a file, and whether each record has many lines."""

    opening: str = ""
    between: str = "\n"
    closing: str = ""
    is_indented: bool = False

    def lay_out(self, records: list[str], *, is_first: bool) -> str:
        """The text of some records of a file in order."""
        shown = [indent(record) for record in records] if self.is_indented else records
        text = self.between.join(shown if is_first else ["", *shown])
        return text.replace(f"{NO_LINE_END}{self.between}", "").replace(NO_LINE_END, "")


LAYOUTS: dict[Shape, Layout] = {
    "lines": Layout(),
    # As deliveries are that were joined without a line end.
    "objects": Layout(between=""),
    "array": Layout(opening="[\n", between=",\n", closing="\n]\n"),
    "indented": Layout(closing="\n", is_indented=True),
}


def indent(record: str) -> str:
    """A record with a line for each of its values, which stay as they are written."""
    depth = 0

    def place(found: re.Match[str]) -> str:
        nonlocal depth
        if found[1]:
            return found[1]
        if found[2] in "}]":
            depth = max(0, depth - 1)
            return f"\n{'  ' * depth}{found[2]}"
        depth += found[2] in "{["
        return f"{found[2]}\n{'  ' * depth}"

    return _TOKEN.sub(place, record)
