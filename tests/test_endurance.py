"""What a warehouse withstands. Each test does one kind of harm, at places drawn by a seed.

    hostile lines    mutated records, judged by every way of the validator: as by the reference
    signals          at random moments of a load, an undo and a replay: the state is that of before or after
    loaders at once  every file is loaded once, and who comes second is told so
    damaged files    cut, flipped, zeroed, foreign and stale logs and databases: recovered, or refused with a sentence
    copies           of the file and its log, taken while a load runs: they open, and a load completes them
    full disks       of many sizes: the state before, and a load that completes once there is space
    environments     time zones, locales, masks, homes and folders that are missing: the same star
    many loads       with replacements and undos: the file stays small, and nothing lies beside it

A star is right if it is the one that tests/reference.py builds of the sources. `make test` does a few of each;
`make test-long` a million lines, and dozens to hundreds of the others.
"""

from __future__ import annotations

import itertools
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

import sparkify
from sparkify.datasets import Dataset
from sparkify.loads.load import load_into
from sparkify.settings import Config
from sparkify.star.tables import STAR
from sparkify.validation import native
from sparkify.warehouses import wrap_cursor
from tests.engines.commands import ROOT, variables_of
from tests.engines.crash import VERBS, prepare, rows_of, run_verb
from tests.support import (
    TIMES,
    expected_star,
    failing_checks,
    log_file,
    new_warehouse,
    play,
    read_star,
    settle,
    song,
    song_file,
    write_file,
)
from tests.test_validation import CORPUS, DATASETS, ODD_BYTES, check, expected

pytestmark = pytest.mark.slow

Ended = subprocess.CompletedProcess[str]


def start(config: Config, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    """Start a command as its own process, which does something before."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables_of(config)
    return subprocess.Popen(
        [sys.executable, "-m", "sparkify", *arguments],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=before,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err or "sparkify" not in err, err
    assert "did not expect" not in err
    return Ended(process.args, process.returncode, out, err)


def run(config: Config, *arguments: str, before: Callable[[], None] | None = None) -> Ended:
    """Run a command as its own process, to its end."""
    return finish(start(config, *arguments, before=before))


def assert_whole(config: Config) -> None:
    """The star is that of the sources, and nothing lies beside the file."""
    assert read_star(config) == expected_star(config)
    assert failing_checks(config) == []
    assert_alone(config)


def assert_alone(config: Config) -> None:
    warehouse = Path(config.warehouse_address)
    beside = {path.name for path in warehouse.parent.iterdir()} - {"log_data", "song_data"}
    assert beside == {warehouse.name}


def write_sources(config: Config, events: int = 3_000) -> None:
    """Sources of some size: a load of them takes a moment."""
    for name in ("a.json", "b.json.gz", "c.json"):
        write_file(
            log_file(config, name),
            [play(userId=item % 97, sessionId=item % 31, itemInSession=item, song=f"Song {item % 7}", artist=name)
             for item in range(events // 3)],
        )  # fmt: skip
    settle(write_file(song_file(config), [song(title=f"Song {item}", song_id=f"SO{item}") for item in range(7)]))


# ---- hostile lines ----

_A_CHUNK = 5_000
# A million in `make test-long`.
_LINES = 10_000 if TIMES == 1 else 40_000 * TIMES


def mutate(line: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """A line with some bytes replaced, inserted, removed, doubled, or taken from another line."""
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        start, stop = sorted((chance.randrange(len(line) + 1), chance.randrange(len(line) + 1)))
        stop = min(stop, start + chance.choice([0, 1, 1, 4, 40, 100_000]))
        other = chance.choice(others)
        begin = chance.randrange(len(other) + 1)
        instead = chance.choice(
            [chance.choice(ODD_BYTES), chance.randbytes(chance.randrange(4)), line[start:stop] * 2, other[begin:][:60]]
        )
        line = line[:start] + instead + line[stop:]
    return line.replace(b"\n", b"")


@pytest.mark.parametrize("dataset", DATASETS)
def test_hostile_lines_are_judged_as_by_the_reference(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [record.line for record in CORPUS[dataset] if len(record.line) < 2_000]
    with duckdb.connect() as connection:
        for seed in range(_LINES // len(DATASETS) // _A_CHUNK):
            chance = random.Random(f"{dataset} {seed}")
            files = [
                b"\n".join(mutate(chance.choice(lines), chance, lines) for _ in range(_A_CHUNK // 10))
                for _ in range(10)
            ]
            # By the native library and by SQL in turn, where there is such a library.
            monkeypatch.setenv("SPARKIFY_NATIVE", "no" if seed % 2 or not native.FILE.exists() else "yes")
            check(connection, dataset, files, lines_per_bundle=chance.choice([50, 1_000, 1_000_000]))
            # It keeps every line.
            expected.cache_clear()


# ---- signals ----

_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSTOP)
_COMMANDS = {"load": ["load", "-q"], "undo": ["undo", "--yes", "2"], "replay": ["replay"]}


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("verb", VERBS)
def test_signal_at_any_moment_leaves_the_state_before_or_after(tmp_path: Path, verb: str) -> None:
    config = new_warehouse(tmp_path / "made")
    prepare(config, verb)
    before = rows_of(config)
    made = Path(config.warehouse_address)
    (tmp_path / "copies").mkdir()
    control = config.at(shutil.copyfile(made, tmp_path / "copies" / "control.duckdb").as_posix())
    began = time.monotonic()
    assert run(control, *_COMMANDS[verb]).returncode == 0
    seconds = time.monotonic() - began
    after = rows_of(control)
    chance = random.Random(verb)
    for number, sent in zip(range(2 * TIMES), itertools.cycle(chance.sample(_SIGNALS, len(_SIGNALS))), strict=False):
        folder = tmp_path / "copies" / str(number)
        folder.mkdir()
        hit = config.at(shutil.copyfile(made, folder / "hit.duckdb").as_posix())
        moment = chance.uniform(0, seconds)
        process = start(hit, *_COMMANDS[verb])
        hit_after(process, sent, moment)
        ended = finish(process)
        # Ctrl-C while Python itself starts is Python's to tell.
        codes = {0, 128 + sent, 130, -sent, *([1] if "Traceback" in ended.stderr else [])}
        assert ended.returncode in codes, (sent, moment, ended)
        left = rows_of(hit)
        assert left in (before, after), (sent, moment)
        if left == before:
            run_verb(hit, verb)
            assert rows_of(hit) == after
        else:
            # What is committed may be in the log only; the next command that writes takes it in.
            assert run(hit, "create").returncode == 0
        assert failing_checks(hit) == []
        assert {path.name for path in folder.iterdir()} == {"hit.duckdb"}, (sent, moment)


def hit_after(process: subprocess.Popen[str], sent: signal.Signals, seconds: float) -> None:
    """Send a signal after so many seconds, if the process is still there; one that was stopped goes on."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(sent)
        if sent == signal.SIGSTOP:
            process.send_signal(signal.SIGCONT)


# ---- loaders at once ----


def test_loaders_at_once_load_every_file_once(tmp_path: Path) -> None:
    for number in range(TIMES):
        config = new_warehouse(tmp_path / str(number), wait=60 if number % 2 else 0)
        write_sources(config, 300)
        # Without --wait, some come too late; one of those that are there at the same time does the work.
        ended = [finish(process) for process in [start(config, "load") for _ in range(4)]]
        for one in ended:
            assert one.returncode == 0 or (one.returncode, "in use by process" in one.stderr) == (4, True), one
        assert 0 in {one.returncode for one in ended}
        assert sum(one.stdout.startswith("loaded: 4 new") for one in ended) == 1
        assert_whole(config)


# ---- damaged files ----

Damage = Callable[[bytearray, random.Random], bytes]


def flip(data: bytearray, chance: random.Random) -> bytes:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def blank(data: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    return bytes(data)


_DAMAGES: list[tuple[str, Damage]] = [
    ("cut", lambda data, chance: bytes(data[: chance.randrange(len(data))])),
    ("flip", flip),
    ("blank", blank),
    ("more", lambda data, chance: bytes(data) + chance.randbytes(chance.choice([1, 8, 100, 5_000]))),
    ("noise", lambda data, chance: chance.randbytes(len(data))),
    ("empty", lambda data, chance: b""),
    ("twice", lambda data, chance: bytes(data) * 2),
]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, bytes, bytes]:
    """A warehouse, its file, and a log with a committed load that is not in the file yet."""
    config = new_warehouse(tmp_path_factory.mktemp("logged"))
    write_file(log_file(config, "a.json"), [play(), "no JSON"])
    write_file(song_file(config), [song()])
    sparkify.load(config)
    write_file(log_file(config, "b.json"), [play(userId=2, itemInSession=item) for item in range(50)])
    with duckdb.connect(config.warehouse_address) as connection:
        connection.execute("SET checkpoint_threshold = '1TB'")
        with connection.cursor() as cursor:
            load_into(wrap_cursor(cursor, None, config), config)
        file = Path(config.warehouse_address)
        kept = file.read_bytes(), Path(f"{file}.wal").read_bytes()
    return config, *kept


def test_damaged_log_is_recovered_or_refused(logged: tuple[Config, bytes, bytes], tmp_path: Path) -> None:
    config, file, log = logged
    assert len(log) > 1_000
    for number, (name, damage) in zip(range(3 + 2 * TIMES), itertools.cycle(_DAMAGES), strict=False):
        chance = random.Random(f"{name} {number}")
        judge_damaged(config, tmp_path / str(number), file, damage(bytearray(log), chance))


def test_damaged_file_is_recovered_or_refused(logged: tuple[Config, bytes, bytes], tmp_path: Path) -> None:
    config, file, log = logged
    for number, (name, damage) in zip(range(2 + TIMES), itertools.cycle(_DAMAGES), strict=False):
        chance = random.Random(f"{name} {number}")
        judge_damaged(config, tmp_path / str(number), damage(bytearray(file), chance), log if number % 2 else b"")


def test_log_of_another_file_is_recovered_or_refused(logged: tuple[Config, bytes, bytes], tmp_path: Path) -> None:
    config, _, log = logged
    other = new_warehouse(tmp_path / "other")
    sparkify.create(other)
    judge_damaged(config, tmp_path / "foreign", Path(other.warehouse_address).read_bytes(), log)
    # The log is taken in already.
    judge_damaged(config, tmp_path / "stale", Path(config.warehouse_address).read_bytes(), log)


def judge_damaged(config: Config, folder: Path, file: bytes, log: bytes) -> None:
    """A load completes what is there, or says that it cannot."""
    folder.mkdir()
    warehouse = folder / "w.duckdb"
    warehouse.write_bytes(file)
    if log:
        Path(f"{warehouse}.wal").write_bytes(log)
    damaged = config.at(str(warehouse))
    status, ended = run(damaged, "status", "-q"), run(damaged, "load", "-q")
    assert status.returncode in (0, 2, 4), status
    if ended.returncode:
        assert ended.returncode in (2, 4), ended
        assert ended.stderr.startswith("sparkify: "), ended
        # That the file is damaged is not told as something else.
        assert "other tables" not in ended.stderr, ended
        # What cannot be taken in stays, to be repaired by hand.
        wal = Path(f"{warehouse}.wal")
        assert not wal.exists() or wal.read_bytes().startswith(log)
    else:
        assert read_star(damaged) == expected_star(damaged)
        assert failing_checks(damaged) == []


# ---- copies ----


def test_copy_that_is_taken_during_a_load_opens_and_completes(tmp_path: Path) -> None:
    chance = random.Random(11)
    for number in range(max(1, TIMES // 2)):
        config = new_warehouse(tmp_path / str(number))
        write_file(log_file(config, "first.json"), [play()])
        sparkify.load(config)
        write_sources(config, 2_000)
        star = expected_star(config)
        process = start(config, "load", "-q")
        copies: list[Path] = []
        while process.poll() is None:
            folder = tmp_path / str(number) / f"copy{len(copies)}"
            copies.append(folder / "w.duckdb")
            folder.mkdir()
            # The log first: what is written between the two copies is then in neither, or in the file.
            for suffix in (".wal", ""):
                if Path(config.warehouse_address + suffix).exists():
                    shutil.copyfile(config.warehouse_address + suffix, f"{copies[-1]}{suffix}")
            time.sleep(chance.uniform(0, 0.2))
        finish(process)
        for copy in chance.sample(copies, min(len(copies), 2)):
            copied = config.at(str(copy))
            ended = run(copied, "load", "-q")
            assert ended.returncode == 0, ended
            assert read_star(copied) == star
            assert failing_checks(copied) == []


# ---- full disks ----


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[int], None] | None]:
    """A disk of that size at a folder, and how to resize it; None where this user may not mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "sparkify-test", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        yield None
        return

    def resize(size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}k", str(folder)], check=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def limit_files(size: int) -> Callable[[], None]:
    """What a process does to get a disk that is full for files of more bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_full_disk_of_any_size_leaves_the_state_before(tmp_path: Path) -> None:
    chance = random.Random(5)
    config = new_warehouse(tmp_path / "made")
    write_file(log_file(config, "first.json"), [play()])
    settle(log_file(config, "first.json"))
    sparkify.load(config)
    before = rows_of(config)
    held = Path(config.warehouse_address).stat().st_size >> 10
    write_sources(config, 2_000)
    star = expected_star(config)
    for number in range(2 * TIMES):
        # A new warehouse, and one that grows.
        is_new = number % 2 == 0
        kilobytes = chance.choice([4, 12, 100, 260, 600, 1_000, 3_000]) if is_new else held + chance.randrange(8, 4_000)
        with small_disk(tmp_path / str(number), kilobytes) as resize:
            full = config.at(str(tmp_path / str(number) / "w.duckdb"))
            if not is_new:
                shutil.copyfile(config.warehouse_address, full.warehouse_address)
            ended = run(full, "load", "-q", before=None if resize else limit_files(kilobytes << 10))
            assert ended.returncode in (0, 4), ended
            assert ended.returncode == 0 or ended.stderr.startswith("sparkify: "), ended
            if resize is not None:
                resize(200_000)
            if ended.returncode and not is_new:
                assert rows_of(full) == before
            run_verb(full, "load")
            assert read_star(full) == star
            assert failing_checks(full) == []


# ---- environments ----

# What is set, and what is run before the command.
_ENVIRONMENTS: list[tuple[dict[str, str | None], str]] = [
    ({"TZ": "Asia/Kolkata", "LC_ALL": "C"}, "umask 077"),
    ({"TZ": "America/St_Johns", "PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}, "umask 0"),
    ({"HOME": None, "TMPDIR": "/nowhere", "LC_ALL": "POSIX"}, ""),
    ({"HOME": "/dev/null", "XDG_CACHE_HOME": "", "TZ": "x/y", "LANG": "tr_TR.UTF-8"}, "umask 027"),
    ({"PYTHONOPTIMIZE": "2", "PATH": None, "COLUMNS": "1", "TERM": "dumb"}, ""),
    ({"PYTHONHASHSEED": "1", "LC_ALL": "xx_YY.UTF-8", "TZ": ""}, "mkdir gone && cd gone && rmdir ../gone"),
    ({"PYTHONUTF8": "1", "PYTHONIOENCODING": "ascii:strict", "OMP_NUM_THREADS": "1"}, "ulimit -n 64"),
    ({"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}, "exec 0<&-"),
]


@pytest.mark.parametrize("number", range(min(2 * TIMES, len(_ENVIRONMENTS))))
def test_environment_does_not_change_the_star(tmp_path: Path, number: int) -> None:
    changes, before = _ENVIRONMENTS[number]
    config = new_warehouse(tmp_path)
    write_sources(config, 60)
    write_file(log_file(config, "Zoë 名.json"), [play(userId=98, song="Zoë", location="İstanbul"), "no JSON"])
    ended = run_in(
        tmp_path, variables_of(config) | changes, f"{before or 'true'} && {sys.executable} -m sparkify load -q"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert_whole(config)


def run_in(folder: Path, variables: Mapping[str, str | None], script: str, encoding: str = "utf-8") -> Ended:
    given = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=folder, env={name: value for name, value in given.items() if value is not None}, capture_output=True,
        encoding=encoding, timeout=120,
    )  # fmt: skip


def test_names_mean_the_same_in_a_latin_1_locale(tmp_path: Path) -> None:
    made = tmp_path / "locales" / "en_US.ISO-8859-1"
    made.parent.mkdir()
    localedef = shutil.which("localedef")
    command = [localedef or "false", "-f", "ISO-8859-1", "-i", "en_US", str(made)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no locale can be made here")
    config = new_warehouse(tmp_path / "wärehouse")
    write_file(log_file(config, "Zoë 名.json"), [play(location="Zoë"), "no JSON"])
    variables = variables_of(config) | {"LOCPATH": str(made.parent), "LC_ALL": made.name, "PYTHONUTF8": "0"}
    code = "import sys; print(sys.getfilesystemencoding())"
    assert run_in(tmp_path, variables, f"{sys.executable} -c '{code}'").stdout == "iso8859-1\n"
    shown = []
    for call in ("load -q", "status -q", "query -q --sql 'SELECT location FROM songplays'"):
        ended = run_in(tmp_path, variables, f"{sys.executable} -m sparkify {call}", "latin-1")
        assert (ended.returncode, ended.stderr) == (0, "")
        shown.append(ended.stdout)
    # What is printed is in the encoding of the locale.
    assert shown[-1].splitlines()[-1] == "Zoë"
    assert_whole(config)


# ---- many loads ----


def test_many_loads_keep_the_file_small_and_leave_nothing(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path)
    write_file(song_file(config), [song()])
    chance = random.Random(3)
    for number in range(20 if TIMES == 1 else 8 * TIMES):
        name = f"{number % 40}.json"
        write_file(
            log_file(config, name),
            [play(userId=chance.randrange(50), itemInSession=item, sessionId=number % 40, song=f"Song {number}")
             for item in range(chance.choice([50, 200]))] + ["no JSON"],
        )  # fmt: skip
        result = sparkify.load(config)
        if number % 5 == 4:
            assert result.load_id is not None
            sparkify.undo(config, result.load_id)
            assert sparkify.load(config).status == "loaded"
        assert_alone(config)
    assert_whole(config)
    fresh = new_warehouse(tmp_path / "fresh", log_data=str(config.log_data), song_data=str(config.song_data))
    sparkify.load(fresh)
    assert {table: read_star(fresh)[table] for table in STAR} == read_star(config)
    size, least = (Path(one.warehouse_address).stat().st_size for one in (config, fresh))
    assert size < 4 * least + (4 << 20)
