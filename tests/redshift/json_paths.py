"""Which value of a JSON object goes into which column: by name, or by a JSONPaths file."""

import json
import re
from collections.abc import Callable

from tests.redshift.copy_statement import CopyStatement
from tests.redshift.copy_target import Target
from tests.redshift.load_errors import RowError
from tests.redshift.s3_objects import Objects
from tests.redshift.wire import WireError

Root = dict[str, object] | list[object]
Mapper = Callable[[Root], list[object]]
_Path = list[str | int]

_BRACKETS = re.compile(r"""\[(?:'([^']*)'|"([^"]*)"|(\d+))\]""")
_DOTS = re.compile(r"\.([A-Za-z_][\w]*)|\[(\d+)\]")


def make_mapper(statement: CopyStatement, objects: Objects, targets: list[Target]) -> Mapper:
    """The function from a root value to the columns' values; a missing member is None."""
    if statement.json.startswith("s3://"):
        paths = _read_paths(objects.read(statement.json), len(targets))
        if paths is not None:
            return lambda root: [_follow(root, path) for path in paths]
        # DG copy-parameters-data-format: a file without the key "jsonpaths" means 'auto'.
    return _auto(targets, ignore_case=statement.json == "auto ignorecase")


def _auto(targets: list[Target], *, ignore_case: bool) -> Mapper:
    names = [target.name for target in targets]

    def by_name(root: Root) -> list[object]:
        if not isinstance(root, dict):
            # DG copy-parameters-data-format: an array is one row and needs JSONPaths.
            raise RowError(1216, "Invalid JSON: an array needs a JSONPaths file")
        if ignore_case:
            root = {key.lower(): value for key, value in root.items()}
        return [root.get(name) for name in names]

    return by_name


def _read_paths(text: bytes, columns: int) -> list[_Path] | None:
    try:
        content = json.loads(text.decode("utf-8"))
    except ValueError as error:
        raise _invalid("not JSON in UTF-8") from error
    if not isinstance(content, dict):
        raise _invalid("not one object")
    if "jsonpaths" not in content:
        return None
    paths = content["jsonpaths"]
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        raise _invalid("jsonpaths is no array of texts")
    if len(paths) != columns:
        raise WireError(
            "XX000",
            "Number of jsonpaths and the number of columns should match. "
            f"JSONPath size: {len(paths)}, Number of columns in table or column list: {columns}",
        )
    return [_parse(path) for path in paths]


def _parse(path: str) -> _Path:
    """Bracket or dot notation, not mixed, without wildcards: DG copy-parameters-data-format."""
    if not path.startswith("$") or len(path) < 2:
        raise _invalid(path)
    pattern = _BRACKETS if path[1] == "[" else _DOTS
    steps: _Path = []
    place = 1
    while place < len(path):
        if (found := pattern.match(path, place)) is None:
            raise _invalid(path)
        index = found[found.re.groups]
        steps.append(int(index) if index is not None else next(one for one in found.groups() if one is not None))
        place = found.end()
    return steps


def _follow(root: object, path: _Path) -> object:
    for step in path:
        if isinstance(step, int):
            if not isinstance(root, list) or step >= len(root):
                raise RowError(1216, "Invalid JSONPath format: Not an array or index out of range.")
            root = root[step]
        elif isinstance(root, dict):
            root = root.get(step)
        else:
            return None
    return root


def _invalid(what: str) -> WireError:
    return WireError("XX000", f"Invalid JSONPath format: {what}")
