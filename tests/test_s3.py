"""S3 as a source, with a real server: the same result as a folder, even with a bad store or network."""

import gzip
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
import pytest
import zstandard
from msgspec import structs
from obstore.store import S3Store

import sparkify
from sparkify import cli
from sparkify.errors import SourceError
from sparkify.settings import Config, S3Access, load_config
from sparkify.sources.bundles import read_bundles
from sparkify.sources.file import SourceFile
from sparkify.sources.listing import LeftOut, list_files
from tests.s3_proxy import Fault, S3Proxy, run_s3_proxy
from tests.s3_server import BUCKET, READ_KEY, SECRET, S3Server
from tests.support import event, fetch, play, read_star, snapshot, song, to_lines, truncated_gzip


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, as AWS tools find it in the environment."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture
def proxy(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    """A proxy before the server; the environment points to the proxy."""
    with run_s3_proxy(s3.port) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A folder in the bucket for one test."""
    return re.sub(r"\W+", "-", request.node.name)


def store_of(server: S3Server) -> S3Store:
    return server.open_store()


def put(server: S3Server, objects: dict[str, bytes]) -> None:
    store = store_of(server)
    with ThreadPoolExecutor(16) as executor:
        list(executor.map(lambda item: obstore.put(store, *item), objects.items()))


def config_of(tmp_path: Path, root: str) -> Config:
    return load_config(
        warehouse=str(tmp_path / "s3.duckdb"),
        log_data=f"{root}/log_data",
        song_data=f"{root}/song_data",
    )


def write_folder(folder: Path, objects: dict[str, bytes]) -> None:
    for key, data in objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


CORPUS = {
    "log_data/2018/11/a-events.json": to_lines([event(), play(), play(itemInSession=7, sessionId=9), b"{"]),
    "log_data/2018/11/b-events.json.gz": gzip.compress(to_lines([play(userId="4", level="paid")]), mtime=0),
    "log_data/2018/12/c-events.ndjson.zst": zstandard.compress(to_lines([play(userId="5")])),
    "log_data/2018/12/empty.json": b"",
    "log_data/README.txt": b"no data",
    "log_data/_old/x.json": b"no data",
    "log_data/2018/a b%20ü+&.json": to_lines([play(userId="6")]),
    "log_data_old/x.json": to_lines([play(userId="99")]),
    "song_data/A/B/C/TR1.json": to_lines([song()]),
    "song_data/A/B/D/TR2.json": b"\xef\xbb\xbf" + to_lines([song(song_id="SO2", title="Starlight")]).rstrip(b"\n"),
}


def star_of_folder(tmp_path: Path, objects: dict[str, bytes]) -> object:
    write_folder(tmp_path / "folder", objects)
    root = tmp_path / "folder"
    config = load_config(
        warehouse=str(tmp_path / "folder.duckdb"), log_data=str(root / "log_data"), song_data=str(root / "song_data")
    )
    sparkify.load(config)
    return read_star(config)


# ---- as a folder ----


@pytest.mark.parametrize("slash", ["", "/"])
def test_bucket_gives_the_star_of_the_folder(s3: S3Server, prefix: str, tmp_path: Path, slash: str) -> None:
    put(s3, {f"{prefix}/{key}": data for key, data in CORPUS.items()})
    root = f"s3://{BUCKET}/{prefix}"
    config = load_config(
        warehouse=str(tmp_path / "s3.duckdb"), log_data=f"{root}/log_data{slash}", song_data=f"{root}/song_data{slash}"
    )
    result = sparkify.load(config)
    assert (result.status, result.files["new"], result.reasons) == ("loaded", 7, {"not_json": 1})
    assert read_star(config) == star_of_folder(tmp_path, CORPUS)
    urls = [url for (url,) in fetch(config, "SELECT url FROM load_files WHERE dataset = 'events' ORDER BY source_id")]
    assert urls == [
        f"{root}/log_data/{key}"
        for key in (
            "2018/11/a-events.json",
            "2018/11/b-events.json.gz",
            "2018/12/c-events.ndjson.zst",
            "2018/12/empty.json",
            "2018/a b%20ü+&.json",
        )
    ]
    again = sparkify.load(config)
    assert (again.status, again.files["unchanged"]) == ("nothing_to_do", 7)


def test_one_object_is_a_root(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    put(s3, {f"{prefix}/one.json": to_lines([play()]), f"{prefix}/one.json.old/x.json": to_lines([play(userId="9")])})
    config = load_config(warehouse=str(tmp_path / "w.duckdb"), log_data=f"s3://{BUCKET}/{prefix}/one.json")
    assert sparkify.load(config).records == {"read": 1, "loaded": 1, "rejected": 0, "repaired": 0}


def test_folder_without_data_only_warns(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    put(s3, {f"{prefix}/log_data/README.txt": b"x", f"{prefix}/song_data/TR1.json": to_lines([song()])})
    result = sparkify.load(config_of(tmp_path, f"s3://{BUCKET}/{prefix}"))
    assert (result.status, len(result.warnings)) == ("loaded", 1)


def test_changed_object_is_replaced_and_a_vanished_one_reported(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    put(s3, {f"{prefix}/{key}": data for key, data in CORPUS.items()})
    config = config_of(tmp_path, f"s3://{BUCKET}/{prefix}")
    sparkify.load(config)
    changed = CORPUS | {"log_data/2018/11/a-events.json": to_lines([event(), play(), play(userId="8"), b"["])}
    put(s3, {f"{prefix}/{key}": data for key, data in changed.items()})
    obstore.delete(store_of(s3), f"{prefix}/log_data/2018/12/empty.json")
    states = [file.state for file in sparkify.plan(config)]
    assert sorted(states) == ["changed", *["unchanged"] * 5, "vanished"]
    assert sparkify.load(config).files == {
        "new": 0,
        "changed": 1,
        "moved": 0,
        "unchanged": 5,
        "to_reread": 0,
        "vanished": 1,
        "failed": 0,
    }
    assert read_star(config) == star_of_folder(tmp_path, changed)


def test_moved_object_is_recognized_by_its_etag(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    put(s3, {f"{prefix}/log_data/{day}.json": to_lines([play(userId=day)]) for day in (1, 2)})
    config = load_config(warehouse=str(tmp_path / "w.duckdb"), log_data=f"s3://{BUCKET}/{prefix}/log_data")
    sparkify.load(config)
    # The first has a copy below another root, the second has only been moved there.
    put(s3, {f"{prefix}/archive/{day}.json": to_lines([play(userId=day)]) for day in (1, 2)})
    obstore.delete(store_of(s3), f"{prefix}/log_data/2.json")
    archive = structs.replace(config, log_data=f"s3://{BUCKET}/{prefix}/archive")
    assert [file.state for file in sparkify.plan(archive)] == ["new", "moved"]
    result = sparkify.load(archive)
    assert (result.files["new"], result.files["moved"], result.tables["songplays"]) == (1, 1, 2)
    assert fetch(config, "SELECT url FROM load_files WHERE source_id = 2") == [
        (f"s3://{BUCKET}/{prefix}/archive/2.json",)
    ]
    assert sparkify.load(archive).status == "nothing_to_do"


def test_thousands_of_objects(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    number = 5_000
    songs = {
        f"song_data/{place % 26}/{place % 7}/TR{place}.json": to_lines(
            [song(song_id=f"SO{place}", artist_id=f"AR{place % 999}", title=f"Title {place}")]
        )
        for place in range(number)
    }
    objects = songs | {key: data for key, data in CORPUS.items() if key.startswith("log_data/2018")}
    put(s3, {f"{prefix}/{key}": data for key, data in objects.items()})
    config = config_of(tmp_path, f"s3://{BUCKET}/{prefix}")
    result = sparkify.load(config)
    assert (result.files["new"], result.files["failed"], result.tables["songs"]) == (number + 5, 0, number)
    assert read_star(config) == star_of_folder(tmp_path, objects)
    before = snapshot(config)
    assert sparkify.load(config).status == "nothing_to_do"
    assert snapshot(config) == before


@pytest.mark.parametrize("concurrency", [1, 2, 3, 64])
def test_folders_and_objects_beside_them_are_listed(s3: S3Server, prefix: str, concurrency: int) -> None:
    keys = [f"{prefix}/{key}.json" for key in ("a", "b/1", "b/c/2", "d/3", "d/4", "e/5")]
    put(s3, dict.fromkeys([*keys, f"{prefix}/_x/6.json", f"{prefix}-other/7.json"], b"{}\n"))
    put(s3, {f"{prefix}/sparkify-stage/there/load-1-x/8.json": b"{}\n"})
    files = list_files(f"s3://{BUCKET}/{prefix}", S3Access(concurrency=concurrency))
    assert [file.url for file in files] == [f"s3://{BUCKET}/{key}" for key in keys]
    assert files.left_out == LeftOut(
        2,
        {"hidden": 1, "stage": 1},
        [f"s3://{BUCKET}/{prefix}/{key}" for key in ("_x/6.json", "sparkify-stage/there/load-1-x/8.json")],
    )


def test_what_is_no_data_is_left_out_and_patterns_say_what_is(s3: S3Server, prefix: str) -> None:
    keys = [f"{prefix}/{key}" for key in ("A.JSON", "a.json.bz2", "b.csv", "day/c", "day_$folder$", "z/")]
    put(s3, dict.fromkeys(keys, b"{}\n"))
    root = f"s3://{BUCKET}/{prefix}"
    assert [file.url for file in list_files(root)] == [f"s3://{BUCKET}/{key}" for key in keys[:2]]
    assert list_files(root).left_out.kinds["folder marker"] >= 1
    assert list_files(root).left_out.kinds[".csv"] == 1
    assert [file.url for file in list_files(root, patterns=["day/*"])] == [f"s3://{BUCKET}/{prefix}/day/c"]


def read_all(files: list[SourceFile], **access: int) -> tuple[bytes, dict[int, str | None]]:
    """All lines, and the error of each file by its position in the list."""
    bundles = list(
        read_bundles(list(enumerate(files)), bundle_bytes=1 << 20, access=S3Access(concurrency=access.get("n", 8)))
    )
    lines = b"".join(bytes(bundle.data) for bundle in bundles)
    return lines, {end.source_id: end.error for bundle in bundles for end in bundle.finished}


def test_large_object_comes_in_parts_and_in_order(s3: S3Server, prefix: str) -> None:
    line = b'{"number":%07d,"text":"' + b"x" * 1_000 + b'"}\n'
    data = b"".join(line % number for number in range(30_000))
    put(s3, {f"{prefix}/a.json": data, f"{prefix}/b.json": b"{}\n"})
    files = list_files(f"s3://{BUCKET}/{prefix}")
    assert read_all(files) == (data + b"{}\n", {0: None, 1: None})


# ---- what goes wrong with one object ----


def test_objects_that_change_or_vanish_while_read_fail_alone(s3: S3Server, prefix: str) -> None:
    put(s3, {f"{prefix}/{name}.json": b'{"name":"%s"}\n' % name.encode() for name in "abcd"})
    files = list_files(f"s3://{BUCKET}/{prefix}")
    put(s3, {f"{prefix}/b.json": b'{"name":"x"}\n'})
    obstore.delete(store_of(s3), f"{prefix}/c.json")
    lines, errors = read_all(files)
    assert lines == b'{"name":"a"}\n{"name":"d"}\n'
    url = f"s3://{BUCKET}/{prefix}"
    assert errors == {
        0: None,
        1: f"cannot read {url}/b.json: it has changed since it was listed; the next load will take it",
        2: f"cannot read {url}/c.json: it is no longer there",
        3: None,
    }


def test_broken_object_fails_alone_and_stays_pending(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    objects = CORPUS | {"log_data/2018/broken.json.gz": truncated_gzip([play(userId="7")] * 500)}
    put(s3, {f"{prefix}/{key}": data for key, data in objects.items()})
    config = config_of(tmp_path, f"s3://{BUCKET}/{prefix}")
    result = sparkify.load(config)
    assert (result.status, result.files["failed"]) == ("partial", 1)
    assert read_star(config) == star_of_folder(tmp_path, CORPUS)
    put(s3, {f"{prefix}/log_data/2018/broken.json.gz": gzip.compress(to_lines([play(userId="7")]), mtime=0)})
    assert sparkify.load(config).status == "loaded"


# ---- a bad network ----


@pytest.mark.parametrize("kind", ["busy", "cut", "hung_up"])
def test_passing_faults_lose_and_double_nothing(s3: S3Server, proxy: S3Proxy, prefix: str, kind: Fault) -> None:
    names = [f"{number:03}" for number in range(40)]
    put(s3, {f"{prefix}/{name}.json": b'{"name":"%s"}\n' % name.encode() * 50 for name in names})
    files = list_files(f"s3://{BUCKET}/{prefix}")
    proxy.fault = lambda path, times: kind if times < 2 else "none"
    lines, errors = read_all(files)
    assert set(errors.values()) == {None}
    assert lines == b"".join(b'{"name":"%s"}\n' % name.encode() * 50 for name in names)


@pytest.mark.parametrize("kind", ["busy", "cut"])
def test_object_that_keeps_failing_fails_alone(
    s3: S3Server, proxy: S3Proxy, prefix: str, tmp_path: Path, kind: Fault
) -> None:
    put(s3, {f"{prefix}/{key}": data for key, data in CORPUS.items()})
    proxy.fault = lambda path, times: kind if path.endswith("a-events.json") else "none"
    config = config_of(tmp_path, f"s3://{BUCKET}/{prefix}")
    result = sparkify.load(config)
    assert (result.status, result.files["failed"], len(result.errors)) == ("partial", 1, 1)
    assert "a-events.json" in result.errors[0]
    proxy.fault = lambda path, times: "none"
    assert sparkify.load(config).status == "loaded"
    assert read_star(config) == star_of_folder(tmp_path, CORPUS)


def test_latency_is_hidden_by_many_requests(s3: S3Server, proxy: S3Proxy, prefix: str) -> None:
    put(s3, {f"{prefix}/{number}.json": b"{}\n" for number in range(64)})
    files = list_files(f"s3://{BUCKET}/{prefix}")
    proxy.latency, proxy.most_at_once = 0.05, 0
    assert read_all(files, n=16)[0] == b"{}\n" * 64
    # One whose answer has been read may still be counted.
    assert 8 <= proxy.most_at_once <= 20


def test_reader_that_is_closed_early_starts_no_more_requests(s3: S3Server, proxy: S3Proxy, prefix: str) -> None:
    put(s3, {f"{prefix}/{number:03}.json": b"{}\n" for number in range(200)})
    files = list_files(f"s3://{BUCKET}/{prefix}")
    proxy.latency = 0.05
    bundles = read_bundles(list(enumerate(files)), bundle_bytes=1, access=S3Access(concurrency=4))
    next(bundles)
    bundles.close()
    asked = proxy.requests.total()
    time.sleep(0.3)
    assert proxy.requests.total() <= asked + 4
    assert not [thread for thread in threading.enumerate() if thread.name == "sparkify-reader"]


# ---- what is wrong with the settings ----


def listing_error(root: str, access: S3Access | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        list_files(root, access or S3Access())
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_nothing_below_the_root(s3: S3Server) -> None:
    assert "there is no object below s3://" in listing_error(f"s3://{BUCKET}/nowhere")
    assert "there is no such bucket" in listing_error("s3://no-such-bucket/log_data")
    assert "has no bucket" in listing_error("s3:///log_data")


def test_credentials_that_are_wrong(s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = f"s3://{BUCKET}/{prefix}"
    put(s3, {f"{prefix}/a.json": b"{}\n"})
    assert "remove --anonymous" in listing_error(root, S3Access(anonymous=True))
    files = list_files(root)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READ_KEY)
    assert "lack the permission s3:ListBucket" in listing_error(root)
    assert "lack the permission s3:GetObject" in (read_all(files)[1][0] or "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    assert "check AWS_SECRET_ACCESS_KEY" in listing_error(root)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown-key")
    assert "check AWS_ACCESS_KEY_ID" in listing_error(root)


def test_no_credentials(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    message = listing_error(f"s3://{BUCKET}/log_data")
    assert re.search(r": no AWS credentials: looked at AWS_ACCESS_KEY_ID .* --anonymous", message)


def test_profile_of_the_shared_file(s3: S3Server, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3, {f"{prefix}/a.json": b"{}\n"})
    shared = tmp_path / "credentials"
    key = s3.environment()["AWS_ACCESS_KEY_ID"]
    shared.write_text(f"[mine]\naws_access_key_id={key}\naws_secret_access_key={SECRET}\n", encoding="utf-8")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    assert read_all(list_files(f"s3://{BUCKET}/{prefix}")) == (b"{}\n", {0: None})
    monkeypatch.setenv("AWS_PROFILE", "another")
    assert "another" in listing_error(f"s3://{BUCKET}/{prefix}")


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("expired", "the session token has expired; sign in again"),
        ("other_region", "the bucket is in the region eu-west-1; set AWS_REGION to it"),
        ("moved", "the bucket is in another region; set AWS_REGION to it"),
    ],
)
def test_answers_that_only_aws_gives(s3: S3Server, proxy: S3Proxy, kind: Fault, sentence: str) -> None:
    proxy.fault = lambda path, times: kind
    assert listing_error(f"s3://{BUCKET}/log_data").endswith(f": {sentence}")


def test_object_that_marks_a_folder_is_not_data(s3: S3Server, proxy: S3Proxy) -> None:
    proxy.fault = lambda path, times: "folder_mark"
    assert [file.url for file in list_files(f"s3://{BUCKET}/log_data")] == [f"s3://{BUCKET}/log_data/a.json"]


def test_endpoint_that_cannot_be_reached(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "cannot be reached: nothing listens there; check AWS_ENDPOINT_URL" in listing_error(
        f"s3://{BUCKET}/log_data"
    )


def test_command_ends_with_a_sentence_and_code_3(s3: S3Server, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["load", "--log-data", "s3://no-such-bucket/log_data"])
    assert ended.value.code == 3
    shown = capsys.readouterr().err
    assert shown == "sparkify: cannot list s3://no-such-bucket/log_data: there is no such bucket; check its name\n"
