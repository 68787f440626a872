"""Whether something still stands at the place of a file that was loaded, below today's roots or not."""

from collections.abc import Iterable
from pathlib import Path

from sparkify.errors import SparkifyError
from sparkify.settings import S3Access
from sparkify.sources.file import SCHEME
from sparkify.sources.threads import run_all


def list_gone(urls: Iterable[str], access: S3Access) -> set[str]:
    """Those of the URLs at which nothing stands. One that cannot be looked up counts as standing."""
    wanted = set(urls)
    objects = {url for url in wanted if url.startswith(SCHEME)}
    gone = {url for url in wanted - objects if not _stands(url)}
    return gone | (_list_gone_objects(objects, access) if objects else set())


def _stands(path: str) -> bool:
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


def _list_gone_objects(urls: set[str], access: S3Access) -> set[str]:
    # What speaks to a store is slow to import.
    from sparkify.sources.bucket import is_ours, locate, split_url
    from sparkify.sources.pages import StoreError
    from sparkify.sources.signed import SignedRequests

    try:
        buckets = {bucket: SignedRequests(locate(bucket, access)) for bucket in {split_url(url)[0] for url in urls}}
    except SparkifyError:
        return set()

    def is_gone(url: str) -> bool:
        bucket, key = split_url(url)
        try:
            return buckets[bucket].head(key) is None
        except (StoreError, SparkifyError):
            return False
        except Exception as error:
            # What the client and boto raise for credentials that cannot be found any more.
            if is_ours(error):
                raise
            return False

    ordered = sorted(urls)
    found = run_all(is_gone, ordered, min(len(ordered), access.concurrency))
    return {url for url, gone in zip(ordered, found, strict=True) if gone}
