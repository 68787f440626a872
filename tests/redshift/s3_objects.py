"""The objects that a COPY reads and an UNLOAD writes, with the keys of the role that they assume."""

import json
from dataclasses import dataclass

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from tests.redshift.copy_statement import CopyStatement
from tests.redshift.roles import Role
from tests.redshift.wire import WireError

# The library raises the builtin error for a missing object.
_ERRORS = (BaseError, FileNotFoundError)


@dataclass(frozen=True)
class Found:
    """An object to load; `size` is what the store says."""

    url: str
    size: int


class Objects:
    """S3 as one role sees it."""

    def __init__(self, role: Role, query: int) -> None:
        self._role = role
        self._query = query
        self._stores: dict[str, S3Store] = {}

    def find(self, statement: CopyStatement) -> list[Found]:
        """The objects of the statement, in order; an object that a manifest lists twice comes twice."""
        found = self._by_manifest(statement) if "manifest" in statement.options else self.list_below(statement.source)
        if not found:
            raise self._missing(statement.source)
        return found

    def read(self, url: str) -> bytes:
        bucket, key = self._split(url)
        try:
            return bytes(obstore.get(self._store(bucket), key).bytes())
        except _ERRORS as error:
            raise self._translate(error, url) from error

    def write(self, url: str, content: bytes) -> None:
        bucket, key = self._split(url)
        try:
            obstore.put(self._store(bucket), key, content)
        except _ERRORS as error:
            # github.com/dbt-labs/redshift issue 62 shows the message.
            if self._is_denied(error):
                user = "arn:aws:sts::123456789012:assumed-role/warehouse/RedshiftIamRoleSession"
                raise self._error(
                    f"S3ServiceException:User: {user} is not authorized to perform: s3:PutObject on resource: "
                    f'"arn:aws:s3:::{bucket}/{key}"'
                ) from error
            raise self._translate(error, url) from error

    def list_below(self, url: str) -> list[Found]:
        """A path is a prefix of keys: DG copy-parameters-data-source-s3."""
        bucket, key = self._split(url)
        folder = key.rpartition("/")[0]
        try:
            # The library lists whole folders only.
            listed = [one for page in obstore.list(self._store(bucket), prefix=folder or None) for one in page]
        except _ERRORS as error:
            raise self._translate(error, url) from error
        return [
            Found(f"s3://{bucket}/{one['path']}", one["size"])
            for one in sorted(listed, key=lambda one: one["path"])
            if one["path"].startswith(key)
        ]

    def _by_manifest(self, statement: CopyStatement) -> list[Found]:
        """DG loading-data-files-using-manifest."""
        try:
            text = self.read(statement.source)
        except WireError as error:
            # Redshift's message also for a manifest that it may not read: github.com/PostHog/posthog pull 61603.
            raise self._error("COPY with MANIFEST parameter requires full path of an S3 object.") from error
        found: list[Found] = []
        for entry in self._entries(text):
            url, size = entry.get("url"), self._content_length(entry)
            if not isinstance(url, str) or not url.startswith("s3://") or not self._split(url)[1]:
                raise self._error(f"Invalid url in the manifest: {url}")
            if (actual := self._size(url)) is None:
                if entry.get("mandatory", False):
                    raise self._missing(url)
                continue
            if size is None:
                raise self._error(f"The manifest has no meta.content_length for {url}")
            if size != actual:
                raise self._error(f"The manifest says content_length {size} for {url}, which has {actual} bytes")
            found.append(Found(url, actual))
        return found

    def _entries(self, text: bytes) -> list[dict[str, object]]:
        try:
            manifest = json.loads(text)
        except ValueError as error:
            raise self._error("Invalid manifest file: not JSON") from error
        entries = manifest.get("entries") if isinstance(manifest, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._error("Invalid manifest file: no entries")
        return entries

    def _content_length(self, entry: dict[str, object]) -> int | None:
        meta = entry.get("meta")
        size = meta.get("content_length") if isinstance(meta, dict) else None
        return size if isinstance(size, int) else None

    def _size(self, url: str) -> int | None:
        bucket, key = self._split(url)
        try:
            return obstore.head(self._store(bucket), key)["size"]
        except FileNotFoundError:
            return None
        except _ERRORS as error:
            raise self._translate(error, url) from error

    def _store(self, bucket: str) -> S3Store:
        if bucket not in self._stores:
            self._stores[bucket] = S3Store(
                bucket, endpoint=self._role.endpoint, access_key_id=self._role.access_key,
                secret_access_key=self._role.secret_key, region=self._role.region,
                client_options={"allow_http": True, "timeout": "20s"}, retry_config={"max_retries": 2},
            )  # fmt: skip
        return self._stores[bucket]

    def _split(self, url: str) -> tuple[str, str]:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return bucket, key

    def _translate(self, error: Exception, url: str) -> WireError:
        if isinstance(error, FileNotFoundError):
            return self._missing(url)
        if self._is_denied(error):
            # github.com/embulk/embulk-output-jdbc issue 85 shows the whole message.
            return self._error(
                "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0,ExtRid 0,CanRetry 1", url
            )
        return self._error(f"S3ServiceException:{type(error).__name__},Status 500,Error InternalError,Rid 0", url)

    def _is_denied(self, error: Exception) -> bool:
        # A denied listing has no error class of its own.
        return isinstance(error, PermissionDeniedError | UnauthenticatedError) or "AccessDenied" in str(error)

    def _missing(self, url: str) -> WireError:
        return self._error(f"The specified S3 prefix '{self._split(url)[1]}' does not exist", url)

    def _error(self, message: str, url: str = "") -> WireError:
        return load_error(message, f"S3 key being read : {url}" if url else "", self._query)


def load_error(message: str, context: str, query: int, code: int = 8001) -> WireError:
    """An error of the whole load, with the block of details that Redshift adds."""
    rule = "-" * 47
    lines = [rule, f"error:  {message}", f"code:      {code}", f"context:   {context}", f"query:     {query}", rule]
    detail = "".join(f"\n  {line}" for line in lines) + "\n"
    return WireError("XX000", message, detail=detail)
