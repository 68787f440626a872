"""Scratch folders of processes that work at the same time."""

import threading
from pathlib import Path

from sparkify.warehouses.scratch import clear_scratch_folders, open_scratch_folder


def test_folder_that_another_process_takes_for_a_killed_ones_is_made_again(tmp_path: Path) -> None:
    """Whoever clears between the making of a folder and its lock removes it."""
    ended = threading.Event()

    def clear() -> None:
        while not ended.is_set():
            clear_scratch_folders(tmp_path, "scratch-")

    others = [threading.Thread(target=clear) for _ in range(2)]
    for other in others:
        other.start()
    try:
        for _ in range(300):
            with open_scratch_folder(tmp_path, "scratch-") as folder:
                (folder / "file").write_bytes(b"kept")
                assert (folder / "file").read_bytes() == b"kept"
    finally:
        ended.set()
        for other in others:
            other.join()
    assert list(tmp_path.iterdir()) == []
