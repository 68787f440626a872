"""Synthetic log and song data that look like the real data, and a truth file with what a load of them must find.

The same seed and options give the same bytes on every machine. So nothing in this package may read a clock, an
environment variable or the order of a set. Randomness comes from `random()` and `getrandbits()` only, and floats are
used with the four basic operations only, which IEEE 754 defines exactly.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sparkify.arguments import checked
from sparkify.errors import UsageError
from sparkify.formats import Shown, format_bytes
from sparkify.outputs import make_folder, read_folder
from sparkify.simulator.catalogue import build_catalogue, invent_strangers, write_songs
from sparkify.simulator.listeners import Playlist, Users
from sparkify.simulator.logs import write_events
from sparkify.simulator.options import SimulateOptions, check_options, least_bytes
from sparkify.simulator.sampling import stream
from sparkify.simulator.truth import Truth

__all__ = ["SimulateOptions", "SimulateResult", "simulate"]


@dataclass(frozen=True, repr=False)
class SimulateResult(Shown):
    """Where the data is, and how much. `faults` counts the planted faults by reason code."""

    log_data: Path
    song_data: Path
    truth: Path
    event_files: int
    song_files: int
    events: int
    songs: int
    faults: dict[str, int]


_DEFAULTS = SimulateOptions()


@checked
def simulate(
    directory: str | os.PathLike[str],
    options: SimulateOptions = _DEFAULTS,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> SimulateResult:
    """Write DIRECTORY/log_data, DIRECTORY/song_data and, last, DIRECTORY/truth.json.

    `on_progress` is called with the records written and the records to write. Raises UsageError for impossible options,
    for data that the disk has no room for, and if one of these is there already, except for an empty folder; then
    nothing is written. Raises it also if the files cannot be written, as on a full disk.
    """
    check_options(options)
    root = read_folder(directory)
    try:
        return _simulate(root, options, on_progress)
    except OSError as error:
        raise UsageError(
            f"cannot simulate into {directory}: {error.strerror or error}; remove what is there, and try another folder"
        ) from error


def _simulate(root: Path, options: SimulateOptions, on_progress: Callable[[int, int], None] | None) -> SimulateResult:
    log_data, song_data, truth_file = root / "log_data", root / "song_data", root / "truth.json"
    if truth_file.exists() or truth_file.is_symlink():
        raise UsageError(f"{truth_file} exists already: remove it, or simulate into another folder")
    _check_room(root, least_bytes(options))
    _claim_folders(log_data, song_data)
    truth = Truth(options, on_progress)
    catalogue, taken = build_catalogue(stream(options.seed, "catalogue"), options.songs)
    loaded = write_songs(song_data, catalogue, truth)
    rng = stream(options.seed, "playlist")
    playlist = Playlist(rng, loaded, invent_strangers(rng, catalogue, taken), options.match_rate)
    users = Users(stream(options.seed, "users"), options)
    event_files = write_events(log_data, users, playlist, truth)
    with truth_file.open("x", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(truth.as_json(), indent=2) + "\n")
    return SimulateResult(
        log_data, song_data, truth_file, event_files, options.songs, options.events, options.songs, truth.count_faults()
    )


def _check_room(folder: Path, least: int) -> None:
    whole = folder.absolute()
    disk = shutil.disk_usage(next(part for part in (whole, *whole.parents) if part.exists()))
    # Some file systems do not tell their size.
    if disk.total and least > disk.free:
        raise UsageError(
            f"the data would take more than {format_bytes(least)}, and {folder} has room for "
            f"{format_bytes(disk.free)}: simulate fewer events and songs, or into another folder"
        )


def _claim_folders(*folders: Path) -> None:
    for folder in folders:
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} already holds data: remove it, or simulate into another folder")
    for folder in folders:
        try:
            make_folder(folder)
        except OSError as error:
            raise UsageError(f"cannot create the folder {folder}: {error.strerror}: choose another one") from error
