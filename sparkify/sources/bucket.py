"""Buckets in S3 and compatible stores: how to access one, what errors mean, and a folder to write to.

Credentials are found as in AWS's tools: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), else, if
boto3 is installed, AWS_PROFILE, the shared files and the roles that boto3 knows. AWS_REGION and AWS_ENDPOINT_URL set
another region or store. The client panics on some values, so all are examined before it gets them.
"""

import contextlib
import datetime as dt
import importlib.util
import ipaddress
import os
import re
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from sparkify.errors import ConfigError, SourceError, SparkifyError
from sparkify.settings import S3Access
from sparkify.sources.file import SCHEME
from sparkify.sources.refusals import (
    CONNECT_SECONDS,
    MOST_REQUEST_SECONDS,
    MOST_SECONDS,
    clean_words,
    explain_error,
    hide_secrets,
)
from sparkify.statement_log import keep_secrets_from_logs

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config, S3Credential, S3Store

# Some stores unpack an object that is marked as gzip, unless the request takes gzip.
AS_STORED = {"accept-encoding": "gzip"}

# Nothing listens on port 0.
_NOWHERE = "http://127.0.0.1:0"
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_YES, _NO = ("1", "true", "on", "yes", "y"), ("", "0", "false", "off", "no", "n")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
# AWS_ENDPOINT is a name that only the client knows.
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class WrittenObject(NamedTuple):
    """An object below a folder: its name there, its bytes, and when it was written."""

    name: str
    size: int
    modified: dt.datetime


class S3Folder:
    """A folder in S3 to write to. Its methods raise SourceError if the store refuses."""

    def __init__(self, root: str, access: S3Access) -> None:
        self.root = root.rstrip("/")
        self._access = access
        bucket, self._prefix = split_url(root)
        self._store = open_bucket(locate(bucket, access))

    def put(self, name: str, content: bytes | Path) -> str:
        """Write an object, in parts if it is large; returns its URL."""
        import obstore

        url = f"{self.root}/{name}"
        with client_errors(f"cannot write {url}", self._access, "s3:PutObject"):
            obstore.put(self._store, f"{self._prefix}/{name}", content)
        return url

    def read(self, name: str) -> bytes:
        """The content of an object."""
        import obstore

        with client_errors(f"cannot read {self.root}/{name}", self._access, "s3:GetObject"):
            return bytes(obstore.get(self._store, f"{self._prefix}/{name}").bytes())

    def list(self, folder: str = "") -> "Iterator[WrittenObject]":
        """Every object in this folder or in one of its folders."""
        import obstore

        with client_errors(f"cannot list {self.root}/{folder}", self._access, "s3:ListBucket"):
            for page in obstore.list(self._store, prefix=f"{self._prefix}/{folder}".rstrip("/"), chunk_size=1000):
                for meta in page:
                    yield WrittenObject(
                        meta["path"].removeprefix(f"{self._prefix}/"), meta["size"], meta["last_modified"]
                    )

    def clear(self, folder: str = "") -> None:
        """Delete every object in this folder, or in one of its folders."""
        import obstore

        prefix = f"{self._prefix}/{folder}".rstrip("/")
        doing = f"cannot delete below {self.root}/{folder}"
        # What is not found was deleted by another process.
        with client_errors(doing, self._access, "s3:DeleteObject"), contextlib.suppress(FileNotFoundError):
            for page in obstore.list(self._store, prefix=prefix, chunk_size=1000):
                obstore.delete(self._store, [meta["path"] for meta in page])


@contextlib.contextmanager
def client_errors(doing: str, access: S3Access, permission: str) -> Iterator[None]:
    """Turn whatever the store's client raises, its panics too, into a SourceError: `doing`, and why it failed."""
    try:
        yield
    except BaseException as error:
        if is_ours(error):
            raise
        raise SourceError(f"{doing}: {explain_error(error, access, permission)}") from None


def is_ours(error: BaseException) -> bool:
    """Whether an error is a sentence already, or says that the program shall end."""
    return isinstance(error, SparkifyError | KeyboardInterrupt | SystemExit | GeneratorExit | MemoryError)


def split_url(url: str) -> tuple[str, str]:
    """The bucket and the key of an address. Raises SourceError."""
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise SourceError(f"{url} has no bucket; write it as s3://bucket/folder")
    # The client breaks on a name that is no part of an address.
    if not _BUCKET.fullmatch(bucket):
        raise SourceError(f"{url} has no bucket: {bucket} is no name of one; write it as s3://bucket/folder")
    return bucket, key.rstrip("/")


class Place(NamedTuple):
    """Where a bucket is, and who asks for it.

    `endpoint` is the store's address, with the bucket's name before the host where `is_virtual`. `find_credentials`
    returns access_key_id, secret_access_key and token; it is None where requests are not signed.
    """

    bucket: str
    endpoint: str
    region: str
    is_virtual: bool
    find_credentials: "Callable[[], S3Credential] | None"


def locate(bucket: str, access: S3Access) -> Place:
    """Read the AWS_* variables and, without keys there, ask boto3. Raises ConfigError, SourceError."""
    _check_variables()
    region = next((value for name in _REGIONS if (value := os.environ.get(name, "").strip())), None)
    find_credentials: Callable[[], S3Credential] | None = None
    if not access.anonymous and not _switch("AWS_SKIP_SIGNATURE"):
        find_credentials, of_profile = _find_credentials()
        region = region or of_profile
    region = region or "us-east-1"
    if not _REGION.fullmatch(region):
        raise ConfigError(
            "the region of the profile is no name of one, such as us-west-2; correct it, or set AWS_REGION"
        )
    endpoint, is_virtual = _endpoint(), _switch("AWS_VIRTUAL_HOSTED_STYLE_REQUEST")
    if is_virtual:
        scheme, _, host = (endpoint or f"https://s3.{region}.amazonaws.com").partition("://")
        endpoint = f"{scheme}://{host if host.startswith(f'{bucket}.') else f'{bucket}.{host}'}"
    return Place(bucket, endpoint or f"https://s3.{region}.amazonaws.com", region, is_virtual, find_credentials)


def open_bucket(place: Place) -> "S3Store":
    """The store's client for a bucket. Raises ConfigError for a variable that the client does not take."""
    from obstore.store import S3Store

    settings: S3Config = {"region": place.region, "virtual_hosted_style_request": place.is_virtual}
    if _endpoint() or place.is_virtual:
        # The client prefers the second one, which it reads from the environment too.
        settings |= {"endpoint": place.endpoint, "aws_endpoint_url_s3": place.endpoint}
    if place.find_credentials is None:
        settings["skip_signature"] = True
    options = _client_options(place)
    with _muted():
        _start_client()
        try:
            return S3Store(
                place.bucket,
                config=settings,
                client_options=options,
                # Not again after a silence.
                retry_config={"max_retries": 5, "retry_timeout": dt.timedelta(seconds=MOST_SECONDS - 10)},
                # The client reads the environment's keys itself.
                credential_provider=None if place.find_credentials is _environment_keys else place.find_credentials,
            )
        except BaseException as error:
            if is_ours(error):
                raise
            raise ConfigError(_explain_settings(error)) from None


def _start_client() -> None:
    """Have the client start its threads, which it does once, for the first request. Raises ConfigError."""
    import obstore
    from obstore.store import MemoryStore

    try:
        obstore.put(MemoryStore(), "started", b"")
    except BaseException as error:
        if is_ours(error):
            raise
        raise ConfigError(f"the store's client cannot start: {clean_words(str(error))}; correct that") from None


_muting = threading.Lock()


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """What a library writes to the descriptor of stderr, such as a panic, is dropped: what it raises says the same."""
    with _muting, contextlib.ExitStack() as stack:
        # A descriptor that is closed gets nothing.
        with contextlib.suppress(OSError):
            kept = os.dup(2)
            stack.callback(os.close, kept)
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), 2)
            stack.callback(os.dup2, kept, 2)
        yield


def _client_options(place: Place) -> "ClientConfig":
    options: ClientConfig = {
        "timeout": f"{MOST_REQUEST_SECONDS}s",
        "read_timeout": f"{MOST_SECONDS}s",
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "allow_http": place.endpoint.startswith("http://"),
        "default_headers": AS_STORED,
    }
    if authorities := read_authorities():
        options["root_certificate"] = authorities
    url = urlsplit(place.endpoint)
    host = url.hostname or ""
    if not urllib.request.getproxies().keys() & {url.scheme, "all"} or urllib.request.proxy_bypass(host):
        # The client follows redirects, and carries the session token along: so it reaches no other host than this.
        options |= {"proxy_url": _NOWHERE, "proxy_excludes": host}
    return options


def read_authorities() -> str | None:
    """The certificates of AWS_CA_BUNDLE, trusted beside those of the system. Raises ConfigError."""
    # A Path raises an error for a name that no file system takes.
    if (named := os.environ.get("SSL_CERT_FILE")) and not os.path.isfile(named):  # noqa: PTH113
        raise ConfigError("SSL_CERT_FILE names no file; it must hold the certificates to trust in PEM form")
    path = os.environ.get("AWS_CA_BUNDLE")
    if not path:
        return None
    try:
        text = Path(path).expanduser().read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise ConfigError(f"AWS_CA_BUNDLE names a file that cannot be read: {error.strerror}") from None
    except (ValueError, RuntimeError):
        raise ConfigError("AWS_CA_BUNDLE is no path of a file") from None
    if not (found := _CERTIFICATE.findall(text)):
        raise ConfigError("AWS_CA_BUNDLE names a file without a certificate; it must hold them in PEM form")
    bundle = "\n".join(found)
    try:
        ssl.create_default_context(cadata=bundle)
    except ssl.SSLError:
        raise ConfigError("AWS_CA_BUNDLE names a file with a certificate that is damaged; get it anew") from None
    return bundle


def _endpoint() -> str | None:
    """The address of another store than AWS's. Raises ConfigError for what is none; no message repeats it."""
    name = next((name for name in _ENDPOINTS if os.environ.get(name)), None)
    if name is None:
        return None
    endpoint = os.environ[name].strip().rstrip("/")
    try:
        url = urlsplit(endpoint)
        is_valid = url.port != 0 and _is_host(url.hostname or "") and endpoint.isprintable()
    except ValueError:
        is_valid, url = False, urlsplit("")
    if "://" not in endpoint:
        raise ConfigError(
            f"{name} has no scheme; write http:// or https:// before the host, as in http://localhost:9000"
        )
    if url.username is not None:
        raise ConfigError(f"{name} holds a user or a password; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead")
    if not is_valid or url.scheme.lower() not in ("http", "https") or url.query or url.fragment or " " in endpoint:
        raise ConfigError(f"{name} is no address of a store; write it as http://host:port or https://host")
    return f"{url.scheme}{endpoint[len(url.scheme) :]}"


def _is_host(name: str) -> bool:
    """Whether it is a host's name or address. What ends in a number must be an address."""
    if ":" in name or re.search(r"(?:\A|\.)(?:\d+|0x[0-9a-f]*)\.?\Z", name, re.IGNORECASE):
        with contextlib.suppress(ValueError):
            return bool(ipaddress.ip_address(name))
        return False
    return _HOST.fullmatch(name) is not None


def _check_variables() -> None:
    """Raise ConfigError for values that no request can carry, and for half of a key. No message repeats a value."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"):
        if not _is_carried(os.environ.get(name, "").strip()):
            raise ConfigError(f"{name} holds a character that is no part of such a value; set it anew")
    for name in _REGIONS:
        # It becomes a part of a host's name.
        if (region := os.environ.get(name, "").strip()) and not _REGION.fullmatch(region):
            raise ConfigError(f"{name} is no name of a region, such as us-west-2; set it anew")
    halves = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    absent = [name for name in halves if not os.environ.get(name)]
    if len(absent) == 1:
        present = next(name for name in halves if name not in absent)
        raise ConfigError(f"{present} is set and {absent[0]} is not; set both or neither")


def is_requester() -> bool:
    """Whether AWS_REQUEST_PAYER agrees to pay for requests, as the client reads it."""
    return os.environ.get("AWS_REQUEST_PAYER", "").lower() == "requester" or _switch("AWS_REQUEST_PAYER")


def _is_carried(value: str | None) -> bool:
    """Whether the header of a request can carry a value."""
    return not value or (value.isascii() and value.isprintable() and " " not in value)


def _switch(name: str) -> bool:
    """A variable that the client reads as yes or no. Raises ConfigError."""
    value = os.environ.get(name, "").lower()
    if value not in _YES + _NO:
        raise ConfigError(f"{name} must be true or false")
    return value in _YES


def _explain_settings(error: BaseException) -> str:
    """Which variable the client refuses: its message has the value, in quotes or after a colon, but not the name."""
    text = str(error).partition("\n\nDebug source")[0]
    names = sorted(
        name
        for name, value in os.environ.items()
        if name.startswith("AWS_") and (f'"{value}"' in text or f": {value}." in text)
    )
    if names:
        return f"{' or '.join(names)} has a value that the store's client does not take; correct it or leave it out"
    present = ", ".join(sorted(name for name in os.environ if name.startswith("AWS_"))) or "none"
    return f"the store's client refuses the AWS variables: {clean_words(text)}; those that are set: {present}"


def _find_credentials() -> "tuple[Callable[[], S3Credential], str | None]":
    """The environment's keys, else boto3's, and boto3's region. Raises SourceError if there are none."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return _environment_keys, None
    if importlib.util.find_spec("boto3") is None:
        raise SourceError(
            "no AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; set them, install "
            "boto3 for profiles and roles, or give --anonymous for a public bucket"
        )
    keep_secrets_from_logs()
    import boto3
    from obstore.auth.boto3 import Boto3CredentialProvider

    profile = os.environ.get("AWS_PROFILE") or "default"
    try:
        session = boto3.Session()
        if session.get_credentials() is None:
            raise SourceError(
                "no AWS credentials: looked at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, at the profile "
                f"{profile}, and for a role of this machine; set one of them, or give --anonymous for a public bucket"
            )
        provider = Boto3CredentialProvider(session)
        # Asked once here: what is wrong with a sign-in would come from the client in its own words.
        found = provider()
    # Boto's errors, and those of what it runs and reads, are of many kinds.
    except Exception as error:
        if is_ours(error):
            raise
        raise SourceError(_explain_login(error, profile)) from None
    if not (_is_carried(found["access_key_id"]) and _is_carried(found.get("token"))):
        raise SourceError(
            f"the keys of the profile {profile} hold a character that is no part of such a value; correct it"
        )
    hide_secrets(found["access_key_id"], found["secret_access_key"], found.get("token"))
    return provider, session.region_name


def _environment_keys() -> "S3Credential":
    return {
        "access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "token": os.environ.get("AWS_SESSION_TOKEN"),
        "expires_at": None,
    }


def _explain_login(error: Exception, profile: str) -> str:
    """Why boto3 finds no credentials, with its own words."""
    words = clean_words(str(error))
    # SSOTokenLoadError, UnauthorizedSSOTokenError, TokenRetrievalError and others of its kind.
    kinds = " ".join(kind.__name__ for kind in type(error).__mro__)
    if "SSO" in kinds or "TokenRetrieval" in kinds or "sso" in words.lower():
        login = f"sign in with `aws sso login --profile {profile}`"
        return f"no AWS credentials: the sign-in of the profile {profile} is missing or has run out ({words}); {login}"
    if re.search("expired|reauthenticate", words, re.IGNORECASE):
        return f"no AWS credentials: the session of the profile {profile} has run out ({words}); sign in again"
    return f"no AWS credentials of the profile {profile}: {words}; correct it, or set AWS_PROFILE to another"
