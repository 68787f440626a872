"""How others would load the five tables from S3, each as its users would write it.

    python bench/s3_contenders.py NAME WAREHOUSE LOG_ROOT SONG_ROOT

NAME is boto3 or s3fs (fetch every object with many requests, then DuckDB over what was fetched), or httpfs (DuckDB
reads the bucket itself; DuckDB 1.5, for which the extension comes as a package). Credentials and endpoint come from
the environment. The tables are those of bench/handwritten.py.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import duckdb

from bench.handwritten import build

_THREADS = 32


def fetch_with_boto3(root: str) -> Iterable[bytes]:
    """One client, a pool of threads."""
    import boto3
    from botocore.config import Config

    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    client = boto3.client("s3", config=Config(max_pool_connections=_THREADS))
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    with ThreadPoolExecutor(_THREADS) as executor:
        yield from executor.map(lambda key: client.get_object(Bucket=bucket, Key=key)["Body"].read(), keys)


def fetch_with_s3fs(root: str) -> Iterable[bytes]:
    """Its own batches of asynchronous requests."""
    import s3fs

    files = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    contents: dict[str, bytes] = files.cat(files.find(root), batch_size=128)
    yield from contents.values()


def load_fetched(fetch: Callable[[str], Iterable[bytes]], warehouse: str, log_data: str, song_data: str) -> None:
    """Join what was fetched into one file for each dataset and build the tables from those."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "events.json", Path(folder) / "songs.json"]
        for path, root in zip(paths, (log_data, song_data), strict=True):
            with path.open("wb") as file:
                for content in fetch(root):
                    file.write(content if content.endswith(b"\n") else content + b"\n")
        with duckdb.connect(warehouse) as connection:
            build(connection, *map(str, paths))


def load_with_httpfs(warehouse: str, log_data: str, song_data: str) -> None:
    """DuckDB's own reader, many threads to hide the latency."""
    package = find_spec("duckdb_extension_httpfs")
    assert package is not None
    assert package.origin is not None
    (extension,) = Path(package.origin).parent.rglob("*.duckdb_extension")
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    with duckdb.connect(warehouse) as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute("SET threads = 64")
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}', "
            f"SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', REGION 'us-east-1', ENDPOINT '{endpoint}', "
            "URL_STYLE 'path', USE_SSL false)"
        )
        build(connection, f"{log_data}/**/*.json", f"{song_data}/**/*.json")


def main() -> None:
    """Run one of them."""
    name, *rest = sys.argv[1:]
    if name == "httpfs":
        load_with_httpfs(*rest)
    else:
        load_fetched({"boto3": fetch_with_boto3, "s3fs": fetch_with_s3fs}[name], *rest)


if __name__ == "__main__":
    main()
