"""The formats of numbers, shares, sizes, days and durations."""

import datetime as dt
import io

import pytest

from sparkify.errors import UsageError
from sparkify.formats import (
    count_of,
    describe_lag,
    format_age,
    format_bytes,
    format_change,
    format_day,
    format_number,
    format_period,
    format_share,
    format_value,
    write_rows,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (12_345, "12,345"), (3.8667, "3.87"), (29.629, "29.6"), (467.9888, "468"), (5.0, "5")],
)
def test_format_number(value: float | None, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), (True, "True"), (0.0, "0"), (0.8198765, "0.8199"), (0.000147, "0.000147"),
        (-0.0000123456, "-0.00001235"),
        (1e-9, "0.000000001"), (1.5e-300, "1.5e-300"), (12_345.67891, "12,345.6789"), (2.0, "2"), (float("nan"), "nan"),
        (float("-inf"), "-inf"), (0.99999, "1"),
        (dt.datetime(2018, 11, 30, 19, 54, 24, 796_000), "2018-11-30 19:54:24.796"),
        (dt.datetime(2018, 11, 30, 19, 54, 24, 796_001), "2018-11-30 19:54:24.796001"),
        (dt.datetime(2018, 11, 30), "2018-11-30 00:00:00"), (dt.date(2018, 11, 30), "2018-11-30"),
    ],
)  # fmt: skip
def test_format_value(value: object, text: str) -> None:
    assert format_value(value) == text


def test_markdown_keeps_its_cells_apart() -> None:
    text = io.StringIO()
    write_rows(text, "markdown", ["a|b", "n"], [("x|`y`\r\nz", 0.000147), ("<b>\x1b", None)])
    assert text.getvalue() == "| a\\|b | n |\n| --- | ---: |\n| x\\|\\`y\\`<br>z | 0.000147 |\n| \\<b>\\x1b |  |\n"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0, "0%"),
        (0.000147, "0.0147%"),
        (0.218, "21.8%"),
        (0.82, "82%"),
        (0.99999, "over 99.9%"),
        (1, "100%"),
    ],
)
def test_format_share(share: float | None, text: str) -> None:
    assert format_share(share) == text


@pytest.mark.parametrize(
    ("later", "earlier", "text"),
    [
        (110, 100, "+10%"),
        (97, 100, "−3.0%"),
        (5, 5, "±0.0%"),
        (10_001, 10_000, "±0.0%"),
        (5, 0, None),
        (None, 5, None),
        (5, None, None),
    ],
)
def test_format_change(later: float | None, earlier: float | None, text: str | None) -> None:
    assert format_change(later, earlier) == text


def test_days_and_periods() -> None:
    first, last = dt.date(2018, 12, 31), dt.date(2019, 1, 2)
    assert format_day(first) == "Mon 31 Dec 2018"
    assert format_period(first, last) == "31 Dec 2018 to 2 Jan 2019"
    assert format_period(last, last) == "2 Jan 2019"


@pytest.mark.parametrize(("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (12_345, "12,345 files")])
def test_count_of(number: int, text: str) -> None:
    assert count_of(number, "file") == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (474_500_000, "474.5 MB"), (5e12, "5,000.0 GB")],
)
def test_format_bytes(size: float, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(0.4, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (86_400, "24 hours"), (-9e7, "-1,042 days")],
)
def test_ages(seconds: float, age: str) -> None:
    assert format_age(seconds) == age


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (7_200, "2 hours old when the last load ended"),
        (35 * 86_400, "35 days old when the last load ended"),
        (36 * 86_400, ""),
        (-7_200, "2 hours after the end of the last load"),
    ],
)
def test_age_is_told_of_what_is_not_of_long_ago(seconds: float | None, said: str) -> None:
    assert describe_lag(seconds) == said


def test_value_that_is_nested_too_deeply_is_told_as_that() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    stream = io.StringIO()
    for form in ("csv", "json", "ndjson"):
        with pytest.raises(UsageError, match="nested too deeply"):
            write_rows(stream, form, ["value"], [[value]])
