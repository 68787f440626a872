"""What the doctor tells of a dataset: it reads the beginnings of a few files, as a load would."""

import json

from msgspec import structs

import sparkify
from sparkify.inspection.sample import read_sample
from sparkify.settings import Config
from sparkify.sources.listing import list_files
from sparkify.warehouses import Finding
from tests.support import log_file, play, song, song_file, write_file

PLAY = play(location="Teignmouth", userAgent="Mozilla/5.0")


def find(config: Config, name: str) -> Finding:
    (found,) = [finding for finding in sparkify.list_findings(config) if finding.name == name]
    return found


def test_good_files_are_in_order(warehouse: Config) -> None:
    for number in range(20):
        write_file(log_file(warehouse, f"{number:02}.json"), [PLAY | {"itemInSession": number}])
    found = find(warehouse, "log data")
    assert found.passed
    # The first of all, the last, and some between; of one size, the first is the smallest and the last the largest.
    assert found.detail == (
        f"20 files below {warehouse.log_data}, readable. 6 records of 6 files read as a sample: 6 would load, 0 be "
        "rejected"
    )


def test_dataset_of_which_nothing_would_load_is_not_in_order(warehouse: Config) -> None:
    empty = find(warehouse, "log data")
    assert empty.passed
    assert f"there is no data file below {warehouse.log_data}" in empty.detail
    write_file(song_file(warehouse), [{key: {"0": value} for key, value in song().items()}])
    write_file(log_file(warehouse), [song()])
    songs, events = find(warehouse, "song data"), find(warehouse, "log data")
    assert not songs.passed
    assert "1 record of 1 file read as a sample: 0 would load, 1 be rejected (bad_type:num_songs 1)" in songs.detail
    assert "values wrapped by row number" in songs.detail
    assert not events.passed
    assert f"the roots look exchanged (log data {warehouse.log_data}, song data" in events.detail
    # Nothing has been loaded, so nothing is to be undone.
    assert events.detail.endswith("); load with the roots exchanged")


def test_file_that_cannot_be_read_is_named(warehouse: Config) -> None:
    write_file(log_file(warehouse, "a.json"), [PLAY])
    log_file(warehouse, "b.json.gz").write_bytes(b"\x1f\x8b cut")
    found = find(warehouse, "log data")
    assert not found.passed
    assert f"cannot read {log_file(warehouse, 'b.json.gz')}: " in found.detail


def test_record_too_long_for_the_memory_limit_is_named_as_by_a_load(warehouse: Config) -> None:
    write_file(log_file(warehouse), [PLAY | {"other": "x" * 9_000_000}])
    small = structs.replace(warehouse, memory_limit="128MB")
    (error,) = sparkify.load(small).errors
    assert "line 1 is longer than" in error
    assert error in find(small, "log data").detail


def test_only_the_beginning_of_a_large_file_is_read(warehouse: Config) -> None:
    line = json.dumps(PLAY | {"userAgent": "x" * 1_000}) + "\n"
    log_file(warehouse).write_text(line * 5_000, encoding="utf-8")
    sample = read_sample(warehouse, "events", list_files(str(warehouse.log_data)))
    assert 500 < sample.records["read"] < 2_500
    assert sample.is_sound


def test_jsonpath_that_is_not_used(warehouse: Config) -> None:
    found = find(structs.replace(warehouse, log_jsonpath="s3://bucket/paths.json"), "LOG_JSONPATH")
    assert (found.passed, found.detail) == (
        True,
        "a load does not use it, for keys are read by name; [EVENT_KEYS] names others",
    )
    assert "LOG_JSONPATH" not in [finding.name for finding in sparkify.list_findings(warehouse)]
