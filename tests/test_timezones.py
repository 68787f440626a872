"""Time zones: their names, and the clock of a zone, compared with what `zoneinfo` says of single moments."""

import datetime as dt
import itertools
import re
import zoneinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sparkify
from sparkify.errors import ConfigError
from sparkify.questions.clock import UTC_CLOCK, Clock, find_clock, make_clock
from sparkify.settings import load_config
from sparkify.star.version import open_to_read
from sparkify.timezones import list_timezones, to_local
from tests.support import TIMES, TS, log_file, new_warehouse, play, write_file

EPOCH = dt.datetime(1970, 1, 1)
DAY = 86_400_000
FIRST, LAST = 946_684_800_000, 4_102_444_800_000  # 2000-01-01 and 2100-01-01
ZONES = st.sampled_from(
    ["America/Chicago", "America/St_Johns", "Antarctica/Casey", "Australia/Lord_Howe", "Africa/Casablanca",
     "America/Sao_Paulo", "Asia/Kolkata", "Etc/GMT-14", "Europe/London", "Pacific/Apia"]
)  # fmt: skip


def moment_of(ts: int) -> dt.datetime:
    return EPOCH + dt.timedelta(milliseconds=ts)


def local_of(ts: int, timezone: str) -> dt.datetime:
    return moment_of(ts).replace(tzinfo=dt.UTC).astimezone(ZoneInfo(timezone)).replace(tzinfo=None)


@st.composite
def logs(draw: st.DrawFn) -> tuple[Clock, list[int]]:
    """A clock for a log, and moments of the log: among them those around the changes of the clock."""
    timezone = draw(ZONES)
    begins = sorted(draw(st.lists(st.integers(FIRST, LAST), min_size=1, max_size=3)))
    spans = [(begin, min(LAST, begin + draw(st.sampled_from([0, 40, 400, 3_000])) * DAY)) for begin in begins]
    clock = make_clock(timezone, spans)
    moments = [*itertools.chain(*spans), *draw(st.lists(st.integers(*spans[0]), max_size=5))]
    for period in clock.periods[1:]:
        moments += [period.start + hours * 3_600_000 + by for hours in (-24, -1, 0, 1, 24) for by in (-1, 0)]
    return clock, [ts for ts in moments if any(begin <= ts <= end for begin, end in spans)]


@settings(deadline=None, max_examples=20 * TIMES)
@given(logs(), st.integers(-2, 2), st.integers(-2, 2), st.data())
def test_days_are_those_that_zoneinfo_has(
    log: tuple[Clock, list[int]], before: int, after: int, data: st.DataObject
) -> None:
    clock, moments = log
    first, last = (
        local_of(data.draw(st.sampled_from(moments)), clock.timezone).date() + dt.timedelta(by)
        for by in (before, after)
    )
    cuts: list[tuple[dt.date | None, dt.date | None]] = [(first, last), (first, None), (None, last), (None, None)]
    for begin, end in cuts:
        spans = clock.find_spans(begin, end)
        narrow = clock.within(begin, end)
        assert narrow.find_spans(begin, end) == spans
        for ts in moments:
            day = local_of(ts, clock.timezone).date()
            inside = (begin is None or begin <= day) and (end is None or day <= end)
            assert any(start <= ts < stop for start, stop in spans) == inside
            if inside:
                offset = next(one.offset for one in narrow.periods if ts < one.end or one is narrow.periods[-1])
                assert moment_of(ts + offset) == local_of(ts, clock.timezone)


def test_a_day_before_and_after_all_logs_needs_no_bound() -> None:
    clock = make_clock("Asia/Kolkata", [(FIRST, LAST)])
    assert clock.list_conditions("ts", dt.date.min, dt.date.max) == []
    assert clock.list_conditions("ts", dt.date(2018, 11, 5), None) == ["ts >= 1541356200000"]
    assert clock.list_conditions("start_time", None, dt.date(2018, 11, 5)) == [
        "start_time < TIMESTAMP '2018-11-05 18:30:00'"
    ]
    assert clock.list_conditions("ts", dt.date(2200, 1, 1), None) == ["ts < 946512000000"]
    assert UTC_CLOCK.localize("plays", "SELECT 1\nFROM songplays") == "SELECT 1\nFROM songplays"


def test_one_event_of_a_wrong_clock_adds_no_century_of_changes(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path)
    moments = {0: TS, 1: TS + 9 * DAY, 2: 946_684_800_000, 3: 4_102_444_800_000}
    write_file(log_file(config), [play(ts=ts, itemInSession=item) for item, ts in moments.items()])
    sparkify.load(config)
    with open_to_read(config) as warehouse:
        clock = find_clock(warehouse, "America/Chicago")
    assert len(clock.periods) < 15
    assert re.fullmatch(
        r"from 1999-\S+ to 2001-\S+ and from 2018-\S+ to 2019-\S+ and from 2099-\S+ to 2100-\S+", clock.right
    )
    rows = sparkify.query(msgspec.structs.replace(config, timezone="America/Chicago"), "audience").rows
    assert (rows[0][0], rows[-1][0]) == (dt.date(1999, 12, 31), dt.date(2099, 12, 31))
    assert [row[0].day for row in rows if row[1] and row[0].year == 2018] == [1, 10]


def test_hours_before_a_midnight_that_came_twice_are_left_out() -> None:
    """Newfoundland's clock went back at 00:01, so the day before went on for nearly an hour."""
    clock = make_clock("America/St_Johns", [(1_288_569_600_000, 1_290_000_000_000)])
    assert clock.list_conditions("ts", dt.date(2010, 11, 7), None) == [
        "ts >= 1289097000000",
        "NOT (ts >= 1289097060000 AND ts < 1289100600000)",
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [("America/Chicago", "America/Chicago"), ("america/new york", "America/New_York"), ("utc", "UTC"), ("EST", "EST"),
     ("Etc/GMT+5", "Etc/GMT+5")],
)  # fmt: skip
def test_names_of_time_zones(text: str, name: str) -> None:
    assert load_config(timezone=text).timezone == name
    assert name in list_timezones()
    assert to_local(EPOCH, name).utcoffset() == EPOCH.replace(tzinfo=ZoneInfo(name)).utcoffset()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("America/Chicgo", "did you mean America/Chicago"),
        ("Chicago", "did you mean America/Chicago"),
        ("Tokio", "did you mean Asia/Tokyo"),
        ("CST6EDT", r"did you mean CST6CDT\?"),
        ("../../etc/passwd", "give a name such as America/Chicago"),
        ("/etc/localtime", "give a name such as America/Chicago"),
        ("localtime", "there is no time zone of this name"),
        ("\0", "give a name such as America/Chicago"),
        ("+05:30", "give a name such as America/Chicago"),
    ],
)
def test_name_that_is_none_is_told_with_the_nearest(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"the setting timezone is not valid: .*{hint}"):
        load_config(timezone=text)


def test_without_the_data_of_time_zones_only_utc_is_known() -> None:
    zoneinfo.reset_tzpath(to=[])
    try:
        with pytest.raises(ConfigError, match="this system knows no time zones; install the package tzdata"):
            load_config(timezone="America/Chicago")
        assert load_config(timezone="UTC").timezone == "UTC"
    finally:
        zoneinfo.reset_tzpath()
