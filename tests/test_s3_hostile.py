"""Stores that change what they hold, list without end, send elsewhere or say nothing: each costs its own file only."""

import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sparkify
from sparkify.errors import SourceError
from sparkify.settings import S3Access, load_config
from sparkify.sources.bucket import locate
from sparkify.sources.bundles import read_bundles
from sparkify.sources.listing import list_files
from sparkify.sources.pages import StoreError, parse_page
from sparkify.sources.s3_listing import strong_etag
from sparkify.sources.signed import SignedRequests
from sparkify.sources.threads import begin, run_all, run_within
from tests.s3_stand_in import Reply, Request, StandIn, refusal, run_stand_in
from tests.support import TIMES as REPEATS
from tests.support import fetch, play, to_lines

pytestmark = pytest.mark.slow

ROOT = "s3://bucket/log_data"
TOKEN = "planted-session-token"
LARGE = b"".join(b'{"version":"A","number":%07d,"text":"%s"}\n' % (number, b"x" * 960) for number in range(20_000))
OTHER = LARGE.replace(b'"A"', b'"B"')
DATE = "Thu, 01 Nov 2018 00:00:00 GMT"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with run_stand_in() as running:
        values = {"ENDPOINT_URL": running.endpoint, "ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret"}
        for name, value in (values | {"SESSION_TOKEN": TOKEN, "REGION": "us-east-1"}).items():
            monkeypatch.setenv(f"AWS_{name}", value)
        running.objects = {"log_data/a.json": b"{}\n"}
        yield running


def entry(key: str, size: object, etag: str = "", modified: str = "2018-11-01T00:00:00.000Z") -> str:
    told = f"<ETag>{escape(etag)}</ETag>" if etag else ""
    return f"<Contents><Key>{key}</Key><LastModified>{modified}</LastModified>{told}<Size>{size}</Size></Contents>"


def page(body: str, *, token: str | None = None, is_cut: bool | None = None) -> Reply:
    more = token is not None if is_cut is None else is_cut
    body += f"<IsTruncated>{str(more).lower()}</IsTruncated>"
    body += f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return Reply(200, f"<ListBucketResult>{body}</ListBucketResult>".encode())


def answer_listing(listing: Callable[[Request], Reply]) -> Callable[[Request], Reply | None]:
    return lambda request: None if request.key else listing(request)


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda request: reply


def read(root: str = ROOT) -> tuple[bytes, dict[str, str | None]]:
    """The records below a root, and the error of each file, by the end of its address."""
    access = S3Access(concurrency=4)
    files = list_files(root, access)
    bundles = list(read_bundles(list(enumerate(files)), bundle_bytes=1 << 20, access=access))
    errors = {files[end.source_id].url: end.error for bundle in bundles for end in bundle.finished}
    return b"".join(bytes(bundle.data) for bundle in bundles), errors


def refused() -> str:
    with pytest.raises(SourceError) as caught:
        list_files(ROOT, S3Access(concurrency=4))
    assert str(caught.value).startswith(f"cannot list {ROOT}: ")
    return str(caught.value)


# ---- content that changes while it is read ----


def changing(listed: str, first: str, then: str) -> Callable[[Request], Reply | None]:
    """A store that takes no conditions, and holds another content once it has sent the first part of an object."""

    def answer(request: Request) -> Reply | None:
        if not request.key:
            return page(entry(request.query["prefix"] + "a.json", len(LARGE), listed) + entry("log_data/b.json", 3))
        if request.key.endswith("b.json"):
            return Reply(200, b"{}\n", {"Last-Modified": DATE})
        asked = request.headers.get("range")
        if not asked:
            return Reply(200, LARGE, {"ETag": first} if first else {})
        start, end = map(int, asked.removeprefix("bytes=").split("-"))
        data, etag = (LARGE, first) if start == 0 else (OTHER, then)
        headers = {"Content-Range": f"bytes {start}-{end}/{len(LARGE)}"} | ({"ETag": etag} if etag else {})
        return Reply(206, data[start : end + 1], headers)

    return answer


@pytest.mark.parametrize(
    ("listed", "first", "then", "is_read"),
    [
        ('"A"', '"A"', '"B"', False),
        ('"A"', '"B"', '"B"', False),
        ('"A"', '"A"', "", False),
        ('"A"', '"A"', 'W/"A"', False),
        # What says nothing of its content is read in one answer.
        ('"A"', "", "", True),
        ('"A"', 'W/"A"', 'W/"A"', True),
        ('W/"A"', 'W/"A"', 'W/"A"', True),
        ("", "", "", True),
        ("", '"A"', '"B"', True),
    ],
)
def test_object_is_no_mixture_of_two_contents(
    store: StandIn, listed: str, first: str, then: str, is_read: bool
) -> None:
    store.answer = changing(listed, first, then)
    lines, errors = read()
    assert lines.replace(b"{}\n", b"") in ((LARGE,) if is_read else (b"", LARGE[: lines.rfind(b"\n") - 2]))
    assert not (b'"A"' in lines and b'"B"' in lines)
    assert errors[f"{ROOT}/b.json"] is None
    told = errors[f"{ROOT}/a.json"]
    assert told is None if is_read else told is not None and f"cannot read {ROOT}/a.json: " in told


def test_small_object_that_changed_is_not_read(store: StandIn) -> None:
    store.answer = lambda request: page(entry("log_data/a.json", 3, '"A"')) if not request.key else None
    assert read()[1] == {
        f"{ROOT}/a.json": f"cannot read {ROOT}/a.json: it has changed since it was listed; the next load will take it"
    }


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "sends 3 bytes where it lists 0"), (2, "sends 3 bytes where it lists 2"),
     (9, "sends 3 bytes where it lists 9"), (9 << 20, "bytes")],
)  # fmt: skip
@pytest.mark.parametrize("etag", ["", '"e"'])
def test_object_of_another_size_fails_alone(store: StandIn, size: int, told: str, etag: str) -> None:
    headers = {"ETag": etag} if etag else {}
    store.answer = lambda request: (
        Reply(206 if request.headers.get("range") else 200, b"{}\n", headers | {"Content-Range": "bytes 0-2/3"})
        if request.key.endswith("a.json")
        else page(entry("log_data/a.json", size, etag) + entry("log_data/b.json", 0))
        if not request.key
        else Reply(200, b"", headers)
    )
    lines, errors = read()
    assert lines == b""
    assert errors[f"{ROOT}/b.json"] is None
    assert told in (errors[f"{ROOT}/a.json"] or "")


def test_object_without_an_etag_is_known_by_its_content(store: StandIn, tmp_path: Path) -> None:
    first, second = to_lines([play(userId="1")]), to_lines([play(userId="2")])
    content = [first]
    store.answer = lambda request: (
        Reply(200, content[0], {"Last-Modified": DATE})
        if request.key
        else page(entry("log_data/a.json", len(content[0]), 'W/"always the same"'))
    )
    config = load_config(warehouse=str(tmp_path / "w.duckdb"), log_data=ROOT)
    assert sparkify.load(config).status == "loaded"
    assert sparkify.load(config).status == "nothing_to_do"
    content[0] = second
    assert sparkify.load(config).files["changed"] == 1
    assert fetch(config, "SELECT user_id FROM songplays") == [(2,)]


def test_store_that_sends_whole_objects_only(store: StandIn) -> None:
    store.objects = {"log_data/a.json": LARGE, "log_data/b.json": b"{}\n"}
    store.answer = lambda request: Reply(200, LARGE, {"Last-Modified": "x"}) if request.key.endswith("a.json") else None
    lines, errors = read()
    assert lines == LARGE + b"{}\n"
    assert set(errors.values()) == {None}


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_no_etag_of_any_form_breaks_a_request(text: str) -> None:
    found = strong_etag(text)
    assert found is None or (found.isascii() and found.isprintable() and '"' not in found)
    assert strong_etag(f"W/{text}") is None


# ---- listings without an end ----


def test_token_that_comes_again(store: StandIn) -> None:
    store.answer = answer_listing(lambda request: page(entry("log_data/a.json", 3), token="T"))
    assert "does not go on: its pages bring no new objects; check the store" in refused()
    assert len(store.requests) < 10


@pytest.mark.parametrize("body", ["", entry("log_data/a.json", 3)])
def test_new_tokens_without_new_objects(store: StandIn, body: str) -> None:
    tokens = itertools.count()
    store.answer = answer_listing(lambda request: page(body, token=f"T{next(tokens)}"))
    assert "does not go on: its pages bring no new objects; check the store" in refused()
    assert len(store.requests) < 200


def test_some_pages_may_be_empty(store: StandIn) -> None:
    def listing(request: Request) -> Reply:
        number = int(request.query.get("continuation-token", "0"))
        body = entry(f"log_data/{number}.json", 3) if number % 9 == 8 else ""
        return page(body, token=str(number + 1) if number < 40 else None)

    store.answer = answer_listing(listing)
    assert [file.url for file in list_files(ROOT)] == [f"{ROOT}/{number}.json" for number in (17, 26, 35, 8)]


def test_page_that_says_not_how_to_go_on(store: StandIn) -> None:
    store.answer = answer_listing(lambda request: page(entry("log_data/a.json", 3), is_cut=True))
    assert "says that its listing goes on, but not how to ask for the rest" in refused()


def test_object_listed_twice_is_told_and_read_once(store: StandIn, tmp_path: Path) -> None:
    store.objects = {"log_data/a.json": to_lines([play()])}
    both = 2 * entry("log_data/a.json", len(store.objects["log_data/a.json"]))
    store.answer = answer_listing(lambda request: page(both))
    result = sparkify.load(load_config(warehouse=str(tmp_path / "w.duckdb"), log_data=ROOT))
    assert (result.status, result.tables["songplays"]) == ("loaded", 1)
    assert f"the store lists 1 object twice, such as {ROOT}/a.json; each is read once" in result.warnings


def test_objects_in_no_order(store: StandIn) -> None:
    store.answer = answer_listing(lambda request: page("".join(entry(f"log_data/{name}.json", 3) for name in "cab")))
    assert [file.url for file in list_files(ROOT)] == [f"{ROOT}/{name}.json" for name in "abc"]


@pytest.mark.parametrize("key", ["other/b.json", "log_data_old/b.json", ""])
def test_object_that_is_not_below_the_root(store: StandIn, key: str) -> None:
    store.answer = answer_listing(lambda request: page(entry("log_data/a.json", 3) + entry(key, 3)))
    assert f"the store lists `{key}`, which is not below this folder" in refused()


@pytest.mark.parametrize(
    "modified", ["", "-0001-01-01T00:00:00Z", "99999-01-01T00:00:00Z", "x", "0001-01-01T00:00:00+14:00"]
)
def test_time_that_is_none_does_no_harm(store: StandIn, modified: str) -> None:
    store.answer = answer_listing(lambda request: page(entry("log_data/a.json", 3, modified=modified)))
    assert read()[1] == {f"{ROOT}/a.json": None}


@pytest.mark.parametrize("size", ["", "-5", "x", "1e3", "9" * 20, "٣"])
def test_size_that_is_none_fails_alone(store: StandIn, size: str) -> None:
    store.objects["log_data/b.json"] = b"{}\n"
    store.answer = answer_listing(lambda request: page(entry("log_data/a.json", size) + entry("log_data/b.json", 3)))
    assert read()[1] == {
        f"{ROOT}/a.json": f"cannot read {ROOT}/a.json: the store lists no size of it, but `{size}`",
        f"{ROOT}/b.json": None,
    }


def test_listing_that_is_cut_off(store: StandIn) -> None:
    store.answer = answer_listing(lambda request: Reply(200, b"<ListBucketResult><Contents>"))
    assert "the store's listing is no well-formed XML (no element found: line 1, column 28)" in refused()
    entities = '<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult><Name>&a;</Name></ListBucketResult>'
    for encoding in ("utf-8", "utf-16"):
        store.answer = answer_listing(always(Reply(200, entities.encode(encoding))))
        assert "what answers there is not a store's listing" in refused()


def test_keys_with_control_characters_are_read(store: StandIn) -> None:
    names = ["a&#27;b", "c&#x1B;d", "e\x01f", "g&#10;h", "i\U000f0041j"]
    store.objects = dict.fromkeys(("log_data/a\x1bb", "log_data/c\x1bd", "log_data/e\x01f", "log_data/g\nh"), b"{}\n")
    store.objects["log_data/i\U000f0041j"] = b"{}\n"
    store.answer = answer_listing(lambda request: page("".join(entry(f"log_data/{name}", 3) for name in names)))
    files = list_files(ROOT, patterns=["*"])
    assert {file.url.removeprefix("s3://bucket/") for file in files} == set(store.objects)
    bundles = list(read_bundles(list(enumerate(files)), bundle_bytes=1 << 20, access=S3Access(concurrency=4)))
    assert [end.error for bundle in bundles for end in bundle.finished] == [None] * len(names)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 5))
def test_no_page_of_any_form_is_a_fault_of_the_program(noise: bytes, place: int, cut: int) -> None:
    whole = page(entry("a&#27;.json", 3) + entry("b.json", 3), token="T").body
    content = whole[:place] + noise + whole[place + cut :]
    with contextlib.suppress(StoreError, SourceError):
        assert isinstance(parse_page(content).objects, list)


ETAGS = ["", '""', '"a"', 'W/"a"', "a", '"a', '"a"b"', "x" * 5000, "sha256:abc", '"a", "b"', "*"]
BODIES = [
    b"",
    b"{}\n",
    b"{}\n" * 1000,
    bytes(100),
    b"\x1f\x8b\x08\0bad",
    b"<Error><Code>NoSuchKey</Code></Error>",
    b"<html>",
]
TIMES = [
    "Thu, 01 Nov 2018 00:00:00 GMT",
    "2018-11-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "Thu, 99 Nov 2018",
    "x",
    "",
    "0",
]
HEADERS = {
    "ETag": ETAGS,
    "Last-Modified": TIMES,
    "Content-Range": ["bytes 0-2/3", "bytes */3", "bytes 5-2/3", "bytes 0-99999999999999999999/3", "x", ""],
    "Content-Encoding": ["gzip", "x"],
    "Location": ["/x", "", "::::", "http://[", "file:///etc/passwd", "ftp://x"],
    "x-amz-bucket-region": ["eu-west-1", "x y", "<b>"],
}
KEYS = [
    "a.json",
    "b.json.gz",
    "c/d.json",
    "/e.json",
    "ü.json",
    "k" * 2000 + ".json",
    "",
    "..",
    "g%00.json",
    "h&#9;.json",
]
SIZES = ["0", "3", "3", "100", "3000", "x", "-1", "9000000"]
STATUSES = [200, 200, 200, 204, 206, 300, 301, 304, 307, 400, 403, 404, 405, 412, 416]


def odd_reply(random: Random) -> Reply:
    headers = {name: random.choice(values) for name, values in HEADERS.items() if random.random() < 0.3}
    return Reply(random.choice(STATUSES), random.choice(BODIES), headers)


def odd_page(random: Random) -> Reply:
    body = "".join(
        entry(f"log_data/{random.choice(KEYS)}", random.choice(SIZES), random.choice(ETAGS), random.choice(TIMES))
        for _ in range(random.randrange(4))
    )
    body += random.choice([""] * 9 + ["<EncodingType>url</EncodingType>", "<Contents/>", "<CommonPrefixes/>"])
    whole = page(body, token=random.choice([None] * 9 + ["T"]), is_cut=random.choice([None] * 9 + [True]))
    return random.choice([whole] * 8 + [odd_reply(random), Reply(200, whole.body[: random.randrange(300)])])


@settings(max_examples=40 * REPEATS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_no_answer_of_any_form_is_a_fault_of_the_program(store: StandIn, seed: int) -> None:
    random = Random(seed)
    listing, replies = odd_page(random), defaultdict[str, Reply](lambda: odd_reply(random))
    store.answer = lambda request: replies[request.key] if request.key not in ("", "log_data") else listing
    try:
        _, errors = read()
    except SourceError as error:
        told = [str(error)]
    else:
        told = [error or "" for error in errors.values()]
    assert not any("not known here" in one for one in told), told


# ---- patience ----


def test_busy_store_is_asked_again_for_as_long_as_told(store: StandIn) -> None:
    store.answer = lambda request: refusal(503, "SlowDown", "wait")
    began = time.monotonic()
    with pytest.raises(StoreError, match="SlowDown"):
        SignedRequests(locate("bucket", S3Access()), patience=3).list_page("log_data/")
    # It gives up where the next pause, of at most two seconds, would end too late.
    assert time.monotonic() - began > 1
    assert len(store.requests) > 1


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_each_request_is_sent_again(store: StandIn, status: int) -> None:
    own, key = SignedRequests(locate("bucket", S3Access())), "log_data/a.json"
    for ask in (lambda: own.list_page(key).objects, lambda: own.head(key), lambda: list(own.stream(key))):
        busy = iter([refusal(status, "SlowDown", "wait")])
        store.answer = lambda request, busy=busy: next(busy, None)  # type: ignore[misc]
        assert ask()


def test_refusal_is_told_at_once(store: StandIn) -> None:
    store.answer = lambda request: refusal(403, "AccessDenied")
    with pytest.raises(StoreError, match="AccessDenied"):
        SignedRequests(locate("bucket", S3Access())).list_page("log_data/")
    assert len(store.requests) == 1


def test_slow_reader_costs_a_store_nothing(store: StandIn) -> None:
    chunked = b"3\r\n{}\n\r\n2\r\n{}\r\n0\r\n\r\n"
    store.answer = lambda request: Reply(200, chunked, {"Transfer-Encoding": "chunked"})
    pieces = SignedRequests(locate("bucket", S3Access()), most_seconds=1).stream("log_data/a.json")
    assert next(pieces).data == b"{}\n"
    # More than the store may take for all of the object.
    time.sleep(1.6)
    assert next(pieces).data == b"{}"
    assert list(pieces) == []


# ---- elsewhere ----


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("reading", [False, True])
def test_redirect_carries_nothing(store: StandIn, status: int, reading: bool) -> None:
    with run_stand_in() as other:
        other.objects = dict(store.objects)
        store.objects["log_data/b.json"] = b"{}\n"
        store.answer = lambda request: (
            Reply(status, b"", {"Location": f"{other.endpoint}/bucket/{request.key}?sent&X-Amz-Signature=0123"})
            if bool(request.key) == reading
            else None
        )
        told = str(read()[1]) if reading else refused()
        assert f"sends to {other.endpoint}, to which credentials are not carried; if it is the right one, set" in told
        assert other.requests == []


def test_redirect_of_a_later_object_reaches_no_other_host(store: StandIn) -> None:
    with run_stand_in() as other:
        other.objects = {"log_data/b.json": b"{}\n"}
        store.objects["log_data/b.json"] = b"{}\n"
        elsewhere = other.endpoint.replace("127.0.0.1", "localhost")
        store.answer = lambda request: (
            Reply(307, b"", {"Location": f"{elsewhere}/bucket/{request.key}"})
            if request.key.endswith("b.json")
            else None
        )
        errors = read()[1]
        assert errors[f"{ROOT}/a.json"] is None
        assert f"sends to {elsewhere}, to which" in (errors[f"{ROOT}/b.json"] or "")
        assert other.requests == []


def test_redirect_after_an_answer_that_is_none_carries_nothing(store: StandIn) -> None:
    busy = iter([refusal(503, "SlowDown", "wait")])
    with run_stand_in() as other:
        other.objects = dict(store.objects)
        store.answer = lambda request: (
            next(busy, Reply(307, b"", {"Location": f"{other.endpoint}/bucket/{request.key}"})) if request.key else None
        )
        assert f"sends to {other.endpoint}, to which" in str(read()[1])
        assert other.requests == []


@pytest.mark.parametrize("piece", [b"<", b"<Code>", b"<style>", b"<a "])
@pytest.mark.parametrize("status", [200, 403])
def test_answer_of_nothing_but_openings_is_read_at_once(store: StandIn, status: int, piece: bytes) -> None:
    store.answer = answer_listing(lambda request: Reply(status, piece * (900_000 // len(piece))))
    assert refused()


def test_place_of_a_redirect_is_named(store: StandIn) -> None:
    store.answer = lambda request: refusal(
        301, "PermanentRedirect", "moved", "<Endpoint>bucket.s3-eu-west-1.amazonaws.com</Endpoint>"
    )
    assert refused().endswith("the bucket is in the region eu-west-1; set AWS_REGION to it")
    store.answer = lambda request: refusal(307, "TemporaryRedirect", "moved", "<Endpoint>other.example</Endpoint>")
    assert "sends to other.example, to which credentials are not carried" in refused()
    store.answer = lambda request: Reply(302, b"", {"Location": "https://u:pw@other.example:99/x?password=pw"})
    assert "sends to https://other.example:99, to which" in refused()


# ---- silence ----


def command(tmp_path: Path) -> "subprocess.Popen[str]":
    arguments = ["load", "--log-data", ROOT, "--warehouse", str(tmp_path / "w.duckdb"), "--concurrency", "4"]
    return subprocess.Popen(
        [sys.executable, "-m", "sparkify", *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("reading", [False, True])
def test_ctrl_c_ends_a_wait_for_a_silent_store(store: StandIn, tmp_path: Path, reading: bool) -> None:
    asked: list[str] = []
    store.objects |= {f"log_data/{number}.json": b"{}\n" for number in range(9)}

    def answer(request: Request) -> Reply | None:
        # The first object is read in another way than the others.
        if bool(request.key) == reading and not request.key.endswith("0.json"):
            asked.append(request.key)
            time.sleep(60)
        return None

    store.answer = answer
    running = command(tmp_path)
    try:
        while not asked and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        out, told = running.communicate(timeout=25)
        # A line of progress comes before it where five seconds have passed.
        assert (running.returncode, told.splitlines()[-1]) == (130, "interrupted"), out + told
    finally:
        running.kill()
        running.communicate()


def test_calls_have_an_end() -> None:
    with pytest.raises(TimeoutError):
        run_within(0.01, lambda: time.sleep(30))
    assert run_within(30, lambda: 3) == 3
    assert run_all(lambda number: number * 2, range(100), 7) == [number * 2 for number in range(100)]
    with pytest.raises(ZeroDivisionError):
        run_all(lambda number: 1 // number, [1, 0, 2], 2)
    assert begin(lambda: 3).result(30) == 3
    with pytest.raises(ZeroDivisionError):
        begin(lambda: 1 // 0).result(30)


def test_what_a_call_returns_too_late_is_dropped() -> None:
    wait, dropped = threading.Event(), queue.SimpleQueue[int]()
    with pytest.raises(TimeoutError):
        run_within(0.01, lambda: 3 if wait.wait(60) else 0, drop=dropped.put)
    wait.set()
    assert dropped.get(timeout=60) == 3
