"""What stores answer, what the environment holds, and keys that the client cannot name: each with its true cause."""

import gzip
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
import trustme

import sparkify
from sparkify.errors import ConfigError, SourceError, SparkifyError
from sparkify.settings import S3Access, load_config
from sparkify.sources import bucket
from sparkify.sources.bucket import locate
from sparkify.sources.bundles import read_bundles
from sparkify.sources.listing import list_files
from sparkify.sources.signed import Piece, SignedRequests, is_odd
from tests.s3_server import BUCKET, S3Server
from tests.s3_stand_in import Reply, Request, StandIn, refusal, run_stand_in
from tests.support import fetch, play, to_lines

pytestmark = pytest.mark.slow

KEY, SECRET, TOKEN = "AKIAPLANTED000000001", "planted/secret+key", "planted-session-token"
ROOT = "s3://bucket/log_data"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in with one object, as AWS tools find it in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with run_stand_in() as running:
        values = {"ENDPOINT_URL": running.endpoint, "ACCESS_KEY_ID": KEY, "SECRET_ACCESS_KEY": SECRET}
        for name, value in (values | {"SESSION_TOKEN": TOKEN, "REGION": "us-east-1"}).items():
            monkeypatch.setenv(f"AWS_{name}", value)
        running.objects = {"log_data/a.json": to_lines([play()])}
        yield running


def read_errors(root: str = ROOT, access: S3Access | None = None) -> dict[str, str | None]:
    """The error of each file below a root, by the end of its address."""
    access = access or S3Access(concurrency=4)
    listed = list_files(root, access)
    files = getattr(listed, "files", listed)
    bundles = read_bundles(list(enumerate(files)), bundle_bytes=1 << 20, access=access)
    return {files[end.source_id].url: end.error for bundle in bundles for end in bundle.finished}


def failure(access: S3Access | None = None, root: str = ROOT) -> str:
    """Why the listing fails, or else the reading of its one file."""
    try:
        (error,) = read_errors(root, access).values()
    except SparkifyError as refused:
        error = str(refused)
    assert error is not None
    assert not any(secret in error for secret in (KEY, SECRET, TOKEN)), error
    assert "\n" not in error
    return error


def is_reading(request: Request) -> bool:
    return bool(request.key)


# ---- causes ----

ARN = "arn:aws:iam::123456789012:user/ana"
REFUSALS = [
    (403, "InvalidObjectState", "The operation is not valid for the storage class", "in an archive, .* restore it"),
    (403, "AccessDenied", f"User: {ARN} is not authorized to perform: kms:Decrypt on: x", "permission kms:Decrypt"),
    (400, "KMS.DisabledException", "x is disabled", r"answers 400 KMS.DisabledException: x is disabled"),
    (403, "AccessDenied", f"User: {ARN} is not authorized to perform: s3:GetObject", "ana is not authorized to"),
    (403, "AccessDenied", "Access Denied", r"does not say why: perhaps .* permission s3:\w+, or .*, or .*PAYER"),
    (403, "AllAccessDisabled", "All access has been disabled", "answers 403 AllAccessDisabled: All access has been"),
    (403, "SecondLevelDomainForbidden", "Please use virtual hosted style", "set AWS_VIRTUAL_HOSTED_STYLE_REQUEST=true"),
    (403, "InvalidAccessKeyId", f"{KEY} is not known", "does not know the access key"),
    (403, "UnknownKey", f"{KEY} of {TOKEN} is not known", "answers 403 UnknownKey: … of … is not known"),
    (403, "Odd", f"signature {'0af' * 21}1 <here>", "Odd: signature … <here>"),
    (403, "Odd", "https://ana:pw@proxy password=pw", "Odd: https://…@proxy password=…$"),
    (400, "ExpiredToken", "The provided token has expired.", "session token has expired; sign in again"),
    (403, "RequestTimeTooSkewed", "The difference", "clock of this machine is wrong"),
    (400, "AuthorizationHeaderMalformed", "the Credential is mal-formed", "400 AuthorizationHeaderMalformed: the Cr"),
    (400, "InvalidDigest", "bad\n\tlines", "answers 400 InvalidDigest: bad lines"),
    (418, "", "", "answers 418$"),
]  # fmt: skip


@pytest.mark.parametrize("reading", [False, True])
@pytest.mark.parametrize(("status", "code", "words", "cause"), REFUSALS, ids=lambda value: str(value)[:25])
def test_cause_is_true(store: StandIn, reading: bool, status: int, code: str, words: str, cause: str) -> None:
    store.answer = lambda request: refusal(status, code, words) if is_reading(request) == reading else None
    error = failure()
    assert error.startswith("cannot read s3://" if reading else "cannot list s3://")
    assert re.search(cause, error), error


def test_page_of_a_proxy_is_told_in_its_words(store: StandIn) -> None:
    store.answer = lambda request: Reply(403, b"<html><style>x</style><h1>Blocked</h1> by the gateway</html>")
    assert "(403 Blocked by the gateway)" in failure()
    store.answer = lambda request: Reply(200, b"<html><h1>Welcome</h1></html>")
    assert "what answers there is not a store's listing (200 Welcome); check AWS_ENDPOINT_URL" in failure()
    store.answer = lambda request: refusal(200, "InternalError", "We encountered an internal error")
    assert "(200 InternalError: We encountered" in failure()


def test_region_of_a_redirect_is_named(store: StandIn) -> None:
    store.answer = lambda request: refusal(301, "PermanentRedirect")._replace(
        headers={"x-amz-bucket-region": "eu-west-1"}
    )
    assert failure().endswith("the bucket is in the region eu-west-1; set AWS_REGION to it")


def test_overloaded_store(store: StandIn) -> None:
    store.answer = lambda request: refusal(429, "TooManyRequests", "wait") if is_reading(request) else None
    assert "the store is overloaded (429 TooManyRequests: wait); try later" in failure()


def test_denial_without_credentials(store: StandIn) -> None:
    store.answer = lambda request: refusal(403, "AccessDenied", "Access Denied")
    error = failure(S3Access(anonymous=True))
    assert "denied without credentials (403 AccessDenied: Access Denied); remove --anonymous" in error
    assert "authorization" not in store.requests[0].headers


def test_readers_who_pay(store: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    store.objects["log_data//b.json"] = b"{}\n"
    store.answer = lambda request: (
        None if "x-amz-request-payer" in request.headers else refusal(403, "AccessDenied", "Access Denied")
    )
    assert "AWS_REQUEST_PAYER=requester" in failure()
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    assert set(read_errors().values()) == {None}
    store.answer = lambda request: refusal(403, "AccessDenied", "Access Denied")
    assert "PAYER" not in failure()


def test_bucket_before_the_host(store: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    store.objects["log_data//b.json"] = b"{}\n"
    # The stand-in is the proxy, so that it gets what is meant for any host.
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, store.endpoint)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.example")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
    store.answer = lambda request: (
        None if request.host.startswith("bucket.") else refusal(403, "SecondLevelDomainForbidden")
    )
    assert set(read_errors().values()) == {None}
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://bucket.store.example")
    assert set(read_errors().values()) == {None}


def test_store_that_unpacks_on_the_way(store: StandIn) -> None:
    plain = to_lines([play()] * 50)
    store.objects = {"log_data/a.json.gz": gzip.compress(plain)}

    def unpack(request: Request) -> Reply | None:
        if not is_reading(request) or "gzip" in request.headers.get("accept-encoding", ""):
            return None
        return Reply(200, plain, {"ETag": "W/x", "Last-Modified": "Thu, 01 Nov 2018 00:00:00 GMT"})

    store.answer = unpack
    assert set(read_errors().values()) == {None}
    store.answer = lambda request: unpack(request._replace(headers={}))
    assert re.search(r"sends [\d,]+ bytes where it lists \d+: .*changes objects on the way", failure())


def test_store_that_packs_on_the_way(store: StandIn) -> None:
    plain = store.objects["log_data/a.json"]

    def pack(request: Request) -> Reply | None:
        if not is_reading(request) or "gzip" not in request.headers.get("accept-encoding", ""):
            return None
        headers = {"ETag": "W/x", "Last-Modified": "Thu, 01 Nov 2018 00:00:00 GMT", "Content-Encoding": "gzip"}
        return Reply(200, gzip.compress(plain), headers)

    store.answer = pack
    assert read_errors() == {f"{ROOT}/a.json": None}
    store.answer = lambda request: pack(request._replace(headers={"accept-encoding": "gzip"}))
    assert re.search(r"sends [\d,]+ bytes where it lists \d+: ", failure())


def test_answer_without_its_length(store: StandIn) -> None:
    headers = {"ETag": "W/x", "Last-Modified": "Thu, 01 Nov 2018 00:00:00 GMT", "Transfer-Encoding": "chunked"}
    store.objects = {"log_data/a.json": b"{}\n"}
    store.answer = lambda request: Reply(200, b"3\r\n{}\n\r\n0\r\n\r\n", headers) if is_reading(request) else None
    assert read_errors() == {f"{ROOT}/a.json": None}


def test_certificates(tmp_path: Path, store: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    encryption = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(encryption)
    with run_stand_in(encryption) as secure:
        secure.objects = {"log_data/a.json": b"{}\n", "log_data/b.json": b"{}\n"}
        monkeypatch.setenv("AWS_ENDPOINT_URL", secure.endpoint)
        assert "its certificate is not trusted here; name the file of its authority in AWS_CA_BUNDLE" in failure()
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        assert read_errors() == {f"{ROOT}/a.json": None, f"{ROOT}/b.json": None}
        monkeypatch.setenv("AWS_ENDPOINT_URL", secure.endpoint.replace("127.0.0.1", "localhost"))
        assert re.search(r"not trusted here; .* \(Hostname mismatch", failure())
        monkeypatch.delenv("AWS_CA_BUNDLE")
        monkeypatch.setenv("AWS_ENDPOINT_URL", secure.endpoint)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        assert read_errors() == {f"{ROOT}/a.json": None, f"{ROOT}/b.json": None}
        for missing in (str(tmp_path / "none"), "x" * 5_000):
            monkeypatch.setenv("SSL_CERT_FILE", missing)
            assert "SSL_CERT_FILE names no file" in failure()
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.setenv("AWS_ENDPOINT_URL", secure.endpoint.replace("https", "http"))
        assert "cannot be reached: what answers there does not speak HTTP" in failure() or "broke" in failure()
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint.replace("http", "https"))
    assert "it does not speak HTTPS; write http:// in AWS_ENDPOINT_URL" in failure()


@pytest.mark.parametrize(
    "text", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_authorities_that_cannot_be_read(
    tmp_path: Path, store: StandIn, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    bundle = tmp_path / "authority.pem"
    if text is not None:
        bundle.write_text(text)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(ConfigError, match="AWS_CA_BUNDLE names a file"):
        list_files(ROOT, S3Access())


def test_proxy_that_is_none_is_named(store: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("::::", "localhost:9", "http://user:planted-password@127.0.0.1:9", "socks5://127.0.0.1:9", "x y"):
        monkeypatch.setenv("http_proxy", value)
        error = failure()
        assert "cannot be reached" in error
        assert "check it too" in error
        assert "planted-password" not in error


# ---- keys that the client cannot name ----


def test_odd_keys_are_read_too(store: StandIn, tmp_path: Path) -> None:
    large = to_lines([play(itemInSession=place) for place in range(30_000)])
    assert len(large) > 9 << 20
    names = ["a.json", "/b.json", "x//y.json", "tab\t.json", "a b/%20/ü+&=.json"]
    store.objects = {f"log_data/{name}": to_lines([play(userId=str(place))]) for place, name in enumerate(names)}
    store.objects |= {"log_data//large.json": large, "log_data/../up.json": b"{}\n", "log_data/./here.json": b"{}\n"}
    store.objects |= {"log_data/": b"", "log_data_old/z.json": b"{}\n"}
    store.page_size = 4
    config = load_config(warehouse=str(tmp_path / "w.duckdb"), log_data=ROOT)
    result = sparkify.load(config)
    assert (result.status, result.files["new"], result.records["loaded"]) == ("loaded", 6, 30_005)
    urls = [url for (url,) in fetch(config, "SELECT url FROM load_files ORDER BY url")]
    assert urls == sorted(f"{ROOT}/{name}" for name in [*names, "/large.json"])
    assert sparkify.load(config).status == "nothing_to_do"


def test_odd_key_that_is_refused_fails_alone(store: StandIn) -> None:
    store.objects["log_data//b.json"] = b"{}\n"
    store.answer = lambda request: refusal(403, "InvalidObjectState") if request.key == "log_data//b.json" else None
    errors = read_errors()
    assert errors[f"{ROOT}/a.json"] is None
    assert re.match(rf"cannot read {ROOT}//b\.json: it is in an archive", errors[f"{ROOT}//b.json"] or "")


def test_keys_that_begin_with_a_slash(store: StandIn) -> None:
    store.objects = {"/a.json": b"{}\n", "b.json": b"{}\n"}
    assert set(read_errors("s3://bucket").values()) == {None}
    store.objects["a.json"] = b"{} \n"
    assert read_errors("s3://bucket") == dict.fromkeys(
        [f"s3://bucket/{key}" for key in ("/a.json", "a.json", "b.json")]
    )
    store.answer = lambda request: refusal(404, "NoSuchKey") if request.key == "b.json" else None
    errors = read_errors("s3://bucket")
    assert errors["s3://bucket/b.json"] == "cannot read s3://bucket/b.json: it is no longer there"


def test_root_that_is_odd(store: StandIn) -> None:
    store.objects = {"a//log_data/a.json": b"{}\n"}
    assert read_errors("s3://bucket/a//log_data/") == {"s3://bucket/a//log_data/a.json": None}
    assert "there is no object below s3://bucket/b//c" in failure(root="s3://bucket/b//c")


@pytest.mark.parametrize(
    ("key", "odd"),
    [("a/b", False), ("a b/..c/d.", False), ("", False), ("a//b", True), ("/a", True), ("a/", True), ("a/../b", True),
     ("./a", True), ("a\nb", True), ("a\x7fb", True), ("ü", False)],
)  # fmt: skip
def test_which_keys_are_odd(key: str, odd: bool) -> None:
    assert is_odd(key) == odd


def test_requests_in_our_own_hand_are_signed(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    key = "signed/a b%20ü+&=;'(1).json"
    etag = obstore.put(s3_server.open_store(), key, b"0123456789")["e_tag"]
    assert etag is not None
    own = SignedRequests(locate(BUCKET, S3Access()))
    (found,) = own.list_page("signed/").objects
    assert found[:3] == (key, "10", etag)
    assert own.get(key, 10, etag=etag.strip('"')) == Piece(b"0123456789", etag, 10)
    assert own.get(key, 3, start=2) == Piece(b"234", etag, 10)
    assert list(own.stream(key)) == [Piece(b"0123456789", etag, 10)]
    head = own.head(key)
    assert head is not None
    assert head[:3] == (key, "10", etag)
    assert own.head("signed/none") is None
    with pytest.raises(OSError, match="status code: 412"):
        own.get(key, 10, etag="other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(OSError, match="SignatureDoesNotMatch"):
        SignedRequests(locate(BUCKET, S3Access())).list_page("")


# ---- the environment ----

BAD_VALUES = {
    "AWS_ENDPOINT_URL": ["localhost:9000", "127.0.0.1", "http://", "http://a b", "ftp://x", "http://h:99999", "//x",
                         "http://[::1", "http://ex%zzample", "http://me:pw@127.0.0.1:9", "http://h?x=1", "http://h:x",
                         "http://h\x01", "http://256.1.1.1", "http://1.2.3.4.5:9", "http:/h", "::::"],
    "AWS_ENDPOINT_URL_S3": ["localhost:9000", "http://h:99999"],
    "AWS_ENDPOINT": ["localhost:9000"],
    "AWS_REGION": ["us east", "é", "us\n-east", "us@example.com", "us/east", "us#", "-", "x" * 64],
    "AWS_DEFAULT_REGION": ["us east"],
    "AWS_ACCESS_KEY_ID": ["a\nb", "é", "a\x01", "a b"],
    "AWS_SECRET_ACCESS_KEY": [""],
    "AWS_SESSION_TOKEN": ["a\nb", "é"],
    "AWS_REQUEST_PAYER": ["perhaps"],
    "AWS_SKIP_SIGNATURE": ["perhaps"],
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": ["perhaps"],
    "AWS_S3_EXPRESS": ["x"],
    "AWS_CHECKSUM_ALGORITHM": ["x"],
    "AWS_SERVER_SIDE_ENCRYPTION": ["x"],
    "AWS_CONDITIONAL_PUT": ["x"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_VALUES.items() for value in values])
def test_bad_value_of_a_variable_is_named(
    store: StandIn, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    if name == "AWS_ENDPOINT":
        monkeypatch.delenv("AWS_ENDPOINT_URL")
    if name == "AWS_DEFAULT_REGION":
        monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv(name, value)
    load_config()
    with pytest.raises(ConfigError) as caught:
        list_files(ROOT, S3Access())
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value)
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize("value", ["", "\n", "x", "ü", "0", "http://127.0.0.1:9"])
def test_no_value_of_any_variable_breaks_the_program(
    store: StandIn, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], value: str
) -> None:
    names = "ALLOW_HTTP TIMEOUT CONNECT_TIMEOUT PROXY_URL BUCKET DEFAULT_REGION ROLE_ARN CA_BUNDLE PROFILE S3_EXPRESS"
    names += " COPY_IF_NOT_EXISTS UNSIGNED_PAYLOAD DISABLE_TAGGING METADATA_ENDPOINT CONTAINER_CREDENTIALS_FULL_URI"
    for name in names.split():
        with monkeypatch.context() as patched:
            patched.setenv(f"AWS_{name}", value)
            load_config()
            try:
                read_errors()
            except SparkifyError as refused:
                told = str(refused)
            else:
                told = f"AWS_{name} is taken"
            assert f"AWS_{name}" in told
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize("value", ["0", "x"])
def test_client_that_cannot_start_is_told_without_its_panic(store: StandIn, value: str) -> None:
    # It starts once in a process, at the first object whose content is asked for.
    code = f"import tests.test_s3_answers as own; print(own.failure(own.S3Access(), {ROOT!r}))"
    environment = os.environ | {"TOKIO_WORKER_THREADS": value, "RUST_BACKTRACE": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert 'the store\'s client cannot start: "TOKIO_WORKER_THREADS" ' in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize("name", ["buck et", "b\x01", "bü", "b?x", "b#x", "-"])
def test_name_that_no_bucket_has(store: StandIn, capfd: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SourceError, match="is no name of one; write it as s3://bucket/folder"):
        list_files(f"s3://{name}/log_data", S3Access())
    assert "panicked" not in capfd.readouterr().err


def test_whatever_the_client_raises_is_a_sentence() -> None:
    class Panic(BaseException):
        pass

    with (
        pytest.raises(
            SourceError, match="cannot list x: the store's client fails, for a reason that is not known here: a b"
        ),
        bucket.client_errors("cannot list x", S3Access(), "s3:ListBucket"),
    ):
        raise Panic("a\nb\n\nDebug source: c")
    with pytest.raises(KeyboardInterrupt), bucket.client_errors("x", S3Access(), "x"):
        raise KeyboardInterrupt


def test_what_the_client_offers_is_kept_for_the_switch(store: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert set(read_errors().values()) == {None}
    assert "authorization" not in store.requests[-1].headers


# ---- signing in ----

SSO = """
[profile dev]
sso_session = company
sso_account_id = 123456789012
sso_role_name = reader
region = us-east-1

[sso-session company]
sso_region = us-east-1
sso_start_url = https://example.awsapps.com/start
"""
PROCESS = """
[profile dev]
credential_process = {python} -c "import sys; sys.exit('the vault is locked')"
"""
KEYS = "[profile dev]\naws_access_key_id = A KEY\naws_secret_access_key = x\n"
NO_PROFILE = "[profile other]\nregion = us-east-1\n"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            SSO,
            r"no AWS credentials: the sign-in of the profile dev .* run out \(.+\); .*`aws sso login --profile dev`",
        ),
        (PROCESS, "no AWS credentials of the profile dev: .*the vault is locked"),
        (NO_PROFILE, r"no AWS credentials of the profile dev: The config profile \(dev\) could not be found"),
        (KEYS, "the keys of the profile dev hold a character that is no part of such a value"),
        ("[profile dev\n", "no AWS credentials of the profile dev: "),
    ],
)
def test_sign_in_that_fails(
    store: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, cause: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(text.replace("{python}", sys.executable), encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_PROFILE", "dev")
    error = failure()
    assert re.match(rf"cannot list {ROOT}: {cause}", error), error
