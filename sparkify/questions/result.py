"""An answer to Python: column names and rows, and a table for pandas, polars, DuckDB and notebooks."""

import html
import io
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from sparkify.formats import count_of, format_value, require_distinct, write_rows
from sparkify.warehouses import Row

# Shown of a result; all rows are there.
_MOST_SHOWN = 20

if TYPE_CHECKING:
    import duckdb

    # So that checkers know the types of `columns, rows = result`. It is no tuple: libraries take one for two columns.
    _Pair = tuple[list[str], list[Row]]
else:
    _Pair = object


class Result(_Pair):
    """The answer to a query. `columns, rows = result` are its column names and its rows.

    pandas, polars, pyarrow and DuckDB take it as a table (Arrow's `__arrow_c_stream__`): `polars.DataFrame(result)`,
    `pandas.DataFrame.from_arrow(result)`, `duckdb.sql("FROM result")`. `types` are in DuckDB's words. `timezone` is
    that of the days, weeks and hours in the answer to a prepared question, and None for other SQL.
    """

    def __new__(
        cls, columns: Sequence[str], rows: Sequence[Row], types: Sequence[str], timezone: str | None = None
    ) -> "Result":
        self = object.__new__(cls)
        self.columns = list(columns)
        self.rows = list(rows)
        self.types = list(types)
        self.timezone = timezone
        return self

    columns: list[str]
    rows: list[Row]
    types: list[str]
    timezone: str | None

    def __reduce__(self) -> tuple[type["Result"], tuple[list[str], list[Row], list[str], str | None]]:
        """To be copied and pickled; what is held as Arrow is made anew."""
        return type(self), (self.columns, self.rows, self.types, self.timezone)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.columns, self.rows))

    def __getitem__(self, place: Any) -> Any:
        return (self.columns, self.rows)[place]

    def __len__(self) -> int:
        """Two: the columns and the rows. `len(result.rows)` is the number of rows."""
        return 2

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Result):
            other = (other.columns, other.rows)
        return isinstance(other, tuple) and (self.columns, self.rows) == other

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    @cached_property
    def _held(self) -> "duckdb.DuckDBPyConnection":
        from sparkify.warehouses.arrow import hold_rows

        require_distinct(self.columns)
        return hold_rows(dict(zip(self.columns, self.types, strict=True)), self.rows)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        from sparkify.warehouses.arrow import stream_rows

        return stream_rows(self._held, requested_schema)

    def __repr__(self) -> str:
        text = io.StringIO()
        write_rows(text, "markdown", self.columns, self.rows[:_MOST_SHOWN])
        return text.getvalue() + self._count()

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(format_value(value))}</td>' for value in row)}</tr>"
            for row in self.rows[:_MOST_SHOWN]
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{self._count()}</p>"

    def _count(self) -> str:
        number = count_of(len(self.rows), "row")
        return number if len(self.rows) <= _MOST_SHOWN else f"the first {_MOST_SHOWN} of {number}"
