"""Measure `sparkify load` from S3 against what others would write, whole processes in turn on the same bucket.

    python bench/s3.py [--songs N] [--rounds N] [--latency MS ...] [--folder DIR]

The corpus is a month of logs and one object for each song. It is put into a real server (SeaweedFS, from the
development dependencies), to which every contender speaks over the loopback: directly, and through a relay that holds
back each piece of a request. Contenders with packages of their own get an environment below the folder, made once from
the locked bench/*.txt. The figures are medians of the rounds. Rows that all must agree on are compared.
"""

import argparse
import asyncio
import multiprocessing
import os
import platform
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import obstore
from obstore.store import S3Store

from bench.contest import Facts, read_facts
from bench.corpora import SONGS, make_corpus
from bench.processes import HERE, Run, prepare_environment, run
from sparkify.simulator import SimulateOptions
from tests.s3_server import BUCKET, SECRET, WRITE_KEY, S3Server, run_s3_server

ROOTS = [f"s3://{BUCKET}/log_data", f"s3://{BUCKET}/song_data"]


def upload(server: S3Server, folder: Path) -> int:
    """Put every file of a folder into the bucket; returns how many."""
    store = S3Store(
        BUCKET,
        config={
            "endpoint": server.endpoint,
            "access_key_id": WRITE_KEY,
            "secret_access_key": SECRET,
            "region": "us-east-1",
        },
        client_options={"allow_http": True},
    )
    files = [path for root in ("log_data", "song_data") for path in (folder / root).rglob("*.json")]
    with ThreadPoolExecutor(16) as executor:
        list(executor.map(lambda path: obstore.put(store, str(path.relative_to(folder)), path.read_bytes()), files))
    return len(files)


class _Side(asyncio.Protocol):
    """One side of a relayed connection: hands what arrives to the other side, after `seconds`."""

    def __init__(self, seconds: float, server_port: int | None = None) -> None:
        self._seconds = seconds
        self._server_port = server_port
        self._waiting: list[bytes] = []
        self._transport: asyncio.WriteTransport | None = None
        self.other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        if self._server_port is not None:
            self.other = other = _Side(0)
            other.other = self
            connecting = asyncio.get_running_loop().create_connection(lambda: other, "127.0.0.1", self._server_port)
            self._connecting = asyncio.ensure_future(connecting)
        for data in self._waiting:
            transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._pass_on, data)
        else:
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        assert self.other is not None
        if self.other._transport is None:
            self.other._waiting.append(data)
        else:
            self.other._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None and self.other._transport is not None:
            self.other._transport.close()


async def _relay(told: Connection, server_port: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: _Side(seconds, server_port), "127.0.0.1", 0, backlog=512)
    told.send(listener.sockets[0].getsockname()[1])
    async with listener:
        await listener.serve_forever()


def _run_relay(told: Connection, server_port: int, seconds: float) -> None:
    asyncio.run(_relay(told, server_port, seconds))


@contextmanager
def slow_endpoint(server: S3Server, milliseconds: int) -> Iterator[str]:
    """The server's address, or that of a relay before it which holds back every request by some milliseconds."""
    if not milliseconds:
        yield server.endpoint
        return
    context = multiprocessing.get_context("spawn")
    hearing, told = context.Pipe(duplex=False)
    relay = context.Process(target=_run_relay, args=(told, server.port, milliseconds / 1_000), daemon=True)
    relay.start()
    try:
        yield f"http://127.0.0.1:{hearing.recv()}"
    finally:
        relay.terminate()
        relay.join()


def measure(server: S3Server, folder: Path, milliseconds: int, rounds: int) -> dict[str, list[Run]]:
    """Run the contenders in turn, `again` right after `sparkify load`; returns their runs."""
    script = str(HERE / "s3_contenders.py")
    others = {
        "boto3, 32 threads + DuckDB": [sys.executable, script, "boto3"],
        "s3fs + DuckDB": [prepare_environment(folder.parent, "s3fs"), script, "s3fs"],
        "DuckDB 1.5 with httpfs": [prepare_environment(folder.parent, "httpfs"), script, "httpfs"],
    }
    ours = ("sparkify load", "sparkify load again", "sparkify load --concurrency 128")
    runs: dict[str, list[Run]] = {name: [] for name in (*ours, *others)}
    rows: list[Facts] = []
    warehouse = folder / "s3.duckdb"
    with slow_endpoint(server, milliseconds) as endpoint:
        environment = os.environ | server.environment() | {"AWS_ENDPOINT_URL": endpoint, "PYTHONPATH": str(HERE.parent)}
        for _ in range(rounds):
            warehouse.unlink(missing_ok=True)
            load = [sys.executable, "-m", "sparkify", "load", "-q", "--warehouse", str(warehouse)]
            load += ["--log-data", ROOTS[0], "--song-data", ROOTS[1]]
            runs[ours[0]].append(run(load, environment))
            runs[ours[1]].append(run(load, environment))
            rows.append(read_facts("duckdb", str(warehouse)))
            warehouse.unlink()
            runs[ours[2]].append(run([*load, "--concurrency", "128"], environment))
            rows.append(read_facts("duckdb", str(warehouse)))
            for name, command in others.items():
                warehouse.unlink()
                runs[name].append(run([*command, str(warehouse), *ROOTS], environment))
                rows.append(read_facts("duckdb", str(warehouse)))
    if any(row != rows[0] for row in rows):
        raise RuntimeError(f"the contenders disagree about the rows: {rows}")
    return runs


def render(runs: dict[str, list[Run]], milliseconds: int) -> str:
    """The figures of one latency as a Markdown table, with each contender's time as a multiple of ours."""
    ours = statistics.median(result.wall for result in runs["sparkify load"])
    lines = [
        f"Added latency {milliseconds} ms:",
        "",
        "| contender | wall s | times ours | peak MB |",
        "|---|---|---|---|",
    ]
    for name, results in runs.items():
        wall = statistics.median(result.wall for result in results)
        peak = max(result.peak for result in results)
        lines.append(f"| {name} | {wall:.2f} | {wall / ours:.1f} | {peak:.0f} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Simulate where needed, upload, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=SONGS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=int, nargs="*", default=[0, 20], metavar="MS")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    folder = options.folder / f"s3-{options.songs}"
    make_corpus(folder, SimulateOptions(events=8_000, users=100, days=30, songs=options.songs))
    with run_s3_server() as server:
        print(f"{upload(server, folder):,} objects\n")
        for milliseconds in options.latency:
            print(render(measure(server, folder, milliseconds, options.rounds), milliseconds), flush=True)
    print(f"({os.cpu_count()} cores, Python {platform.python_version()}, DuckDB {duckdb.__version__})")


if __name__ == "__main__":
    main()
