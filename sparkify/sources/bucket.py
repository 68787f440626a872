"""Buckets in S3 and compatible stores: how to access one, what errors mean, and a folder to write to.

Credentials are found as in AWS's tools: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), else, if
boto3 is installed, AWS_PROFILE, the shared files and the roles that boto3 knows. AWS_REGION and AWS_ENDPOINT_URL set
another region or store. Messages use the store's error code only: its message may repeat a key.
"""

import datetime as dt
import importlib.util
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources.file import CHANGED

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

SCHEME = "s3://"

# The store's client repeats a request after no answer or a status of 500 and above, for at most this long.
_MOST_SECONDS = 30

_CODE = re.compile(r"<Code>(\w+)</Code>")
_REGION = re.compile(r"<Region>([\w-]+)</Region>")
_STATUS = re.compile(r"status code: (\d{3})")
_SENTENCES = {
    "NoSuchBucket": "there is no such bucket; check its name",
    "NoSuchKey": "it is no longer there",
    "SignatureDoesNotMatch": "the secret access key does not belong to the access key; check AWS_SECRET_ACCESS_KEY",
    "InvalidAccessKeyId": "the store does not know the access key; check AWS_ACCESS_KEY_ID",
    "ExpiredToken": "the session token has expired; sign in again",
    "TokenRefreshRequired": "the session token has expired; sign in again",
    "InvalidToken": "the session token is not valid; sign in again",
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it",
    "PreconditionFailed": CHANGED,
}
_OTHER_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


class S3Folder:
    """A folder in S3 to write to. Its methods raise SourceError if the store refuses."""

    def __init__(self, root: str, access: S3Access) -> None:
        self.root = root.rstrip("/")
        self._access = access
        bucket, self._prefix = split_url(root)
        self._store = open_bucket(bucket, access)

    def put(self, name: str, content: bytes | Path) -> str:
        """Write an object, in parts if it is large; returns its URL."""
        import obstore
        from obstore.exceptions import BaseError

        url = f"{self.root}/{name}"
        try:
            obstore.put(self._store, f"{self._prefix}/{name}", content)
        except (BaseError, OSError) as error:
            raise SourceError(f"cannot write {url}: {explain_error(error, self._access, 's3:PutObject')}") from None
        return url

    def clear(self, folder: str = "") -> None:
        """Delete every object in this folder, or in one of its folders."""
        import obstore
        from obstore.exceptions import BaseError

        prefix = f"{self._prefix}/{folder}".rstrip("/")
        try:
            for page in obstore.list(self._store, prefix=prefix, chunk_size=1000):
                obstore.delete(self._store, [meta["path"] for meta in page])
        except FileNotFoundError:
            # Another process deleted it.
            return
        except (BaseError, OSError) as error:
            reason = explain_error(error, self._access, "s3:DeleteObject")
            raise SourceError(f"cannot delete below {self.root}/{folder}: {reason}") from None


def split_url(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise SourceError(f"{url} has no bucket; write it as s3://bucket/folder")
    return bucket, key.rstrip("/")


def open_bucket(bucket: str, access: S3Access) -> "S3Store":
    from obstore.store import S3Store

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    settings: S3Config = {"endpoint": endpoint} if endpoint else {}
    provider = None
    if access.anonymous:
        settings["skip_signature"] = True
    elif not (os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")):
        provider, of_profile = _find_credentials()
        region = region or of_profile
    return S3Store(
        bucket,
        config={**settings, "region": region or "us-east-1"},
        client_options={
            "timeout": f"{_MOST_SECONDS}s",
            "connect_timeout": "5s",
            "allow_http": bool(endpoint and endpoint.startswith("http://")),
        },
        retry_config={"max_retries": 5, "retry_timeout": dt.timedelta(seconds=_MOST_SECONDS)},
        credential_provider=provider,
    )


def _find_credentials() -> tuple[Any, str | None]:
    """boto3's credentials and region. Raises SourceError if there are none."""
    if importlib.util.find_spec("boto3") is None:
        raise SourceError(
            "no AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; set them, install "
            "boto3 for profiles and roles, or give --anonymous for a public bucket"
        )
    import boto3
    from botocore.exceptions import BotoCoreError
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        session = boto3.Session()
        if session.get_credentials() is None:
            raise SourceError(
                "no AWS credentials: looked at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, at the profile "
                f"{session.profile_name}, and for a role of this machine; set one of them, or give --anonymous for a "
                "public bucket"
            )
        return Boto3CredentialProvider(session), session.region_name
    except BotoCoreError as error:
        raise SourceError(f"no AWS credentials: {error}; correct the profile, or set AWS_PROFILE to another") from None


def is_passing(error: Exception) -> bool:
    """Whether a retry may help: the store is overloaded, or the connection broke."""
    text = str(error)
    status = _STATUS.search(text)
    return not isinstance(error, FileNotFoundError) and (status is None or status[1] >= "500")


def explain_error(error: Exception, access: S3Access, permission: str) -> str:
    """What an error of the store's client means, without the client's message."""
    text = str(error)
    found, status = _CODE.search(text), _STATUS.search(text)
    code = found[1] if found else ""
    if isinstance(error, FileNotFoundError):
        return _SENTENCES[code if code == "NoSuchBucket" else "NoSuchKey"]
    if code in _OTHER_REGION or "without LOCATION" in text:
        region = _REGION.search(text)
        return f"the bucket is in {f'the region {region[1]}' if region else 'another region'}; set AWS_REGION to it"
    if code in _SENTENCES:
        return _SENTENCES[code]
    if status is not None and status[1] == "412":
        return _SENTENCES["PreconditionFailed"]
    if status is not None and status[1] == "403":
        if access.anonymous:
            return "access is denied without credentials; remove --anonymous"
        return f"access is denied; the credentials lack the permission {permission}"
    if status is not None:
        return f"the store answers {status[1]}{f' ({code})' if code else ''}; try later"
    if "invalid path" in text:
        return "it has a key with a part that is empty, . or .., which cannot be read; rename that object"
    if "timed out" in text:
        return f"the store does not answer within {_MOST_SECONDS} s; try later"
    if "error sending request" in text or "connect" in text:
        return "the store cannot be reached; check AWS_ENDPOINT_URL and the network"
    return "the connection broke; try later"
