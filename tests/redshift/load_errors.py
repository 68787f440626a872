"""Errors of single rows, as SYS_LOAD_ERROR_DETAIL and STL_LOAD_ERRORS tell them: DG r_Load_Error_Reference."""

from dataclasses import dataclass

from tests.redshift.copy_target import Target

_TYPES = {"integer": "int4", "bigint": "int8", "smallint": "int2", "double precision": "float8", "real": "float4"}


class RowError(Exception):
    """A value that does not go into its column. `position` counts from 0."""

    def __init__(self, code: int, reason: str, position: int = 0) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.position = position


@dataclass(frozen=True)
class LoadError:
    """One error of a load; `target` is None where the row itself is at fault."""

    file: str
    line: int
    raw: str
    error: RowError
    target: Target | None = None
    value: str = ""

    def record(self) -> dict[str, object]:
        """Under the names of both views, cut to their columns."""
        target, error = self.target, self.error
        type_ = _TYPES.get(target.kind, target.kind)[:10] if target else ""
        length = str(target.bytes) if target and target.bytes else ""
        name = target.name if target else ""
        return {
            "file_name": self.file[:256], "filename": self.file[:256], "line_number": self.line, "column_name": name,
            "colname": name, "column_type": type_, "type": type_, "column_length": length, "col_length": length,
            "position": error.position, "error_code": error.code, "err_code": error.code,
            "error_message": error.reason[:512], "err_reason": error.reason[:100], "raw_line": _dots(self.raw),
            "raw_field_value": _dots(self.value),
        }  # fmt: skip


def _dots(text: str) -> str:
    """DG r_STL_LOAD_ERRORS: a character of several bytes is shown as dots."""
    shown = "".join("." * len(one.encode("utf-8", "surrogatepass")) if one > "\x7f" else one for one in text[:1024])
    return shown.replace("\0", ".")[:1024]
