"""What a load says aloud, on every engine: a sentence where its figures alone would look well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

import sparkify
from sparkify.settings import Config
from tests.reference import Row
from tests.support import event, fetch, log_file, play, settle, song, song_file, write_file

PLAY = play(artist="Muse", location="Teignmouth", userAgent="Mozilla/5.0")


def plays(count: int, first: int = 0, **changes: object) -> list[Row]:
    return [PLAY | {"itemInSession": first + number} | changes for number in range(count)]


def said(config: Config, words: str) -> str:
    """The one warning of a load that has these words."""
    warnings = sparkify.load(config).warnings
    (found,) = [warning for warning in warnings if words in warning] or [f"not said, but {warnings}"]
    return found


def test_all_is_well_and_nothing_is_said(config: Config) -> None:
    write_file(log_file(config), [*plays(5), event(itemInSession=9)])
    write_file(song_file(config), [song()])
    assert sparkify.load(config).warnings == []


# ---- nothing came of it ----


def test_dataset_of_which_every_record_was_rejected(config: Config) -> None:
    write_file(log_file(config), plays(20))
    for number in range(3):
        wrapped = {key: {"0": value} for key, value in song(song_id=f"SO{number}").items()}
        write_file(song_file(config, f"{number}.json"), [wrapped])
    found = said(config, "every record of the song data was rejected")
    assert "3 records in 3 files, most often as bad_type:num_songs (3)" in found
    assert "values wrapped by row number" in found


def test_roots_that_are_exchanged(config: Config) -> None:
    write_file(log_file(config), [song()])
    write_file(song_file(config), plays(3))
    warnings = sparkify.load(config).warnings
    assert sum("the roots look exchanged" in warning for warning in warnings) == 2
    assert f"(log data {config.log_data}, song data {config.song_data})" in warnings[0]
    assert warnings[0].endswith("sparkify undo 1 takes these rejects away; then load with the roots exchanged")
    # What is advised ends well.
    sparkify.undo(config, 1)
    exchanged = structs.replace(config, log_data=config.song_data, song_data=config.log_data)
    assert sparkify.load(exchanged).records["rejected"] == 0
    assert sparkify.list_rejects(exchanged) == []


def test_the_only_root_holds_the_other_dataset(config: Config) -> None:
    write_file(song_file(config), plays(3))
    found = said(structs.replace(config, log_data=None), "every record of the song data was rejected")
    assert "Their keys are those of the log data: the root belongs to --log-data. sparkify undo 1" in found
    assert found.endswith(f"then load with --log-data {config.song_data}")


def test_one_root_for_both(config: Config) -> None:
    write_file(log_file(config), plays(3))
    write_file(log_file(config, "song.json"), [song()])
    warnings = sparkify.load(structs.replace(config, song_data=config.log_data)).warnings
    assert any("2 files below both roots" in warning for warning in warnings)
    assert any("song.json. They look like song data" in warning for warning in warnings)
    assert any("events.json. They look like log data" in warning for warning in warnings)


def test_one_record_of_the_other_dataset_does_not_say_that_roots_are_exchanged(config: Config) -> None:
    write_file(log_file(config), [*(str(play(userId=number)) for number in range(9)), song()])
    assert "They look like Python dictionaries" in said(config, "most often as not_json (9)")


def test_rejects_beside_good_records_are_told_where_it_is_clear_what_they_are(config: Config) -> None:
    write_file(log_file(config), [*plays(5), *(str(play(userId=number)) for number in range(2)), {"device": "phone"}])
    warnings = sparkify.load(config).warnings
    told = [warning for warning in warnings if "rejected as" in warning]
    assert told == [
        f"2 records of the log data rejected as not_json, such as {log_file(config)}, line 6. Such records look like "
        "Python dictionaries; json.dumps writes JSON",
        f"1 record of the log data rejected as missing:itemInSession, such as {log_file(config)}, line 8. Such records "
        "look like objects of another kind, with keys such as 'device'",
    ]


def test_value_that_every_record_was_rejected_for_is_told(config: Config) -> None:
    write_file(log_file(config), [play(ts={"date": number}) for number in range(3)])
    assert said(config, "bad_type:ts (3)").endswith('. One of them has {"date": 0} for ts, which takes a whole number')


def test_files_without_a_record(config: Config) -> None:
    write_file(log_file(config), ["", "  "])
    assert said(config, "no record") == "there is no record in 1 file of the log data"


def test_keys_of_rejects_are_in_no_other(config: Config) -> None:
    write_file(log_file(config), [{"device": "phone"}])
    assert not any("kept in other" in warning for warning in sparkify.load(config).warnings)
    write_file(log_file(config, "more.json"), [play(), {"device": "phone"}])
    assert "1 unknown key in the log data, kept in other of the records that are loaded: device" in (
        sparkify.load(config).warnings
    )


def test_files_of_which_every_record_was_rejected_are_told_together(config: Config) -> None:
    write_file(log_file(config), plays(5))
    for number in range(7):
        write_file(log_file(config, f"bad{number}.json"), [str(play(userId=number)) for _ in range(2)])
    found = said(config, "every record of 7 files of the log data was rejected, most often as not_json")
    assert "bad4.json and 2 more. They look like Python dictionaries" in found


def test_many_files_of_many_reasons_make_few_sentences(config: Config) -> None:
    write_file(song_file(config), [song()])
    for name in ("num_songs", "artist_latitude", "artist_longitude", "duration", "year", "title", "song_id"):
        write_file(song_file(config, f"{name}.json"), [song(**{name: []})])
    warnings = sparkify.load(config).warnings
    assert sum("every record of 1 file of the song data was rejected" in warning for warning in warnings) == 5
    assert "every record of 2 files more was rejected, for other reasons; sparkify rejects shows them" in warnings


def test_missing_page_names_the_setting(config: Config) -> None:
    write_file(log_file(config), [{key: value for key, value in one.items() if key != "page"} for one in plays(3)])
    assert "say page = 'NextSong' in [EVENT_KEYS] of dwh.cfg" in said(config, "most often as missing:page (3)")


def test_events_without_a_play(config: Config) -> None:
    write_file(log_file(config), [event(itemInSession=number) for number in range(4)] + [event(page="Help")])
    assert said(config, "no play") == "no play in 5 events: the page is never NextSong, but Home 4, Help 1"


def test_field_that_no_play_has(config: Config) -> None:
    write_file(song_file(config), [song()])
    write_file(log_file(config), [*plays(4, length=None), event(length=1.5)])
    found = said(config, "NULL in every play")
    assert found.startswith("NULL in every play (4): length;")
    assert "[EVENT_KEYS]" in found
    write_file(log_file(config, "more.json"), [*plays(4, 10, length=None), *plays(1, 20)])
    assert sparkify.load(config).warnings == []


def test_pages_that_nearly_are_a_play(config: Config) -> None:
    pages = ["nextSong", "nextSong", "NEXT_SONG", "Next Song", "NextSongs", "Next"]
    write_file(log_file(config), plays(2) + [event(page=page, itemInSession=10 + n) for n, page in enumerate(pages)])
    assert [warning for warning in sparkify.load(config).warnings if "not counted" in warning] == [
        "2 events with page 'nextSong' not counted as a play: only NextSong is",
        "1 event with page 'NEXT_SONG' not counted as a play: only NextSong is",
        "1 event with page 'Next Song' not counted as a play: only NextSong is",
    ]


@pytest.mark.parametrize(
    "wrapped", [{"Records": [PLAY]}, {"log": json.dumps(PLAY)}, {"detail": PLAY}], ids=["list", "text", "object"]
)
def test_records_one_level_down(config: Config, wrapped: Row) -> None:
    write_file(log_file(config), [*plays(5), "no JSON", wrapped])
    (key,) = wrapped
    found = said(config, "lie one level down")
    assert f"in {key!r} of rejected records, such as {log_file(config)}, line 7;" in found


# ---- less than it seems ----


def test_replacement_that_shrinks(config: Config) -> None:
    write_file(song_file(config), [song()])
    shrinks, grows = log_file(config, "app.json"), log_file(config, "grows.json")
    write_file(shrinks, plays(10))
    write_file(grows, plays(1, 20))
    sparkify.load(config)
    write_file(shrinks, plays(3))
    write_file(grows, plays(2, 20))
    result = sparkify.load(config)
    assert {(Path(one.url).name, one.left, one.entered) for one in result.replaced} == {
        ("app.json", 10, 3),
        ("grows.json", 1, 2),
    }
    (found,) = result.warnings
    assert found == (
        f"{shrinks} brings fewer records than before: 3 of its new content entered, 10 of the old one left"
    )


def test_file_with_the_content_of_another(config: Config) -> None:
    write_file(song_file(config), [song()])
    first = write_file(log_file(config, "day.json"), plays(2))
    sparkify.load(config)
    copy = write_file(log_file(config, "day (1).json"), plays(2))
    assert said(config, "same content").startswith(f"{copy} has the same content as {first}: a record of both")
    assert sparkify.load(config).warnings == []


def test_file_that_is_gone_elsewhere(config: Config) -> None:
    old = Path(str(config.log_data))
    write_file(log_file(config), plays(1))
    sparkify.load(config)
    old.rename(old.with_name("new"))
    moved = structs.replace(config, log_data=str(old.with_name("new")))
    write_file(log_file(moved), plays(1, song="Starlight"))
    assert str(log_file(config)) in said(moved, "1 loaded file outside of the roots cannot be found any more")
    write_file(log_file(moved, "next.json"), plays(1, itemInSession=1))
    assert not any("outside of the roots" in warning for warning in sparkify.load(moved).warnings)


def test_copies_are_told_of_what_is_loaded_and_where_it_is(config: Config) -> None:
    first = write_file(log_file(config, "a.json"), plays(2))
    settle(first)
    sparkify.load(config)
    moved = first.rename(first.with_name("b.json"))
    copy = write_file(log_file(config, "c.json"), plays(2))
    for name in ("x.json", "y.json"):
        write_file(song_file(config, name), ["no JSON"])
    copies = [warning for warning in sparkify.load(config).warnings if "same content" in warning]
    assert copies == [f"{copy} has the same content as {moved}: a record of both counts once in the star"]


# ---- read otherwise than written ----


def test_new_keys_are_named_once(config: Config) -> None:
    write_file(log_file(config), [PLAY | {f"key{number:02}": 1 for number in range(12)}])
    found = said(config, "12 unknown keys in the log data")
    assert found.endswith("key00, key01, key02, key03, key04, key05, key06, key07, key08, key09 and 2 more")


def test_jsonpath_is_not_used(config: Config) -> None:
    write_file(log_file(config), plays(2, firstName="Lily", lastName="Koch", gender="F", auth="Logged In"))
    found = said(structs.replace(config, log_jsonpath="s3://bucket/paths.json"), "LOG_JSONPATH")
    assert "keys are read by name, and no loaded record has method, registration, status;" in found


def test_shapes_and_notes_of_files(config: Config) -> None:
    write_file(log_file(config, "a.json"), plays(2))
    log_file(config, "b.json").write_text("".join(json.dumps(one) for one in plays(2, 10)), encoding="utf-8")
    log_file(config, "c.json").write_text("[" + ",\n".join(json.dumps(one) for one in plays(2, 20)), encoding="utf-8")
    log_file(config, "d.json").write_text("\n", encoding="utf-8")
    events: list[dict[str, object]] = []
    result = sparkify.load(config, on_event=events.append)
    assert result.records == {"read": 6, "loaded": 6, "rejected": 0, "repaired": 0}
    shapes = ["lines", "objects", "array", "empty"]
    assert [event["shape"] for event in events if event["event"] == "file"] == shapes
    assert fetch(config, "SELECT shape FROM load_files ORDER BY source_id") == [(shape,) for shape in shapes]
    assert (
        result.warnings[0] == f"{log_file(config, 'c.json')}: its array is not closed at the end; was the file cut off?"
    )


def test_names_taken_for_keys_and_repaired_texts(config: Config) -> None:
    renamed = [{("user_id" if key == "userId" else key): value for key, value in one.items()} for one in plays(3)]
    write_file(log_file(config), [*renamed, *plays(2, 10, artist="Bj\u00c3\u00b6rk")])
    result = sparkify.load(config)
    assert [(one.field, one.name, one.records) for one in result.taken_names["events"]] == [("userId", "user_id", 3)]
    assert "names taken for keys of the log data: user_id for userId (3)" in result.warnings
    # The summary has their number already.
    assert not any("repaired" in warning for warning in result.warnings)
    assert (result.records["repaired"], fetch(config, "SELECT repaired FROM load_files")) == (2, [(2,)])
