"""Calls in threads that nobody has to wait for: Ctrl-C and the end of the process come at once while a call hangs."""

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


class Threads:
    """Runs calls in at most `most` threads, in the order in which they come."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._started = 0
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    def submit(self, function: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()
        self._calls.put((future, function))
        if self._started < self._most:
            self._started += 1
            # The interpreter waits at its end for all threads but these.
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        return future

    def close(self) -> None:
        """Start no more calls; running ones end by themselves."""
        self._closed.set()
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            if self._closed.is_set():
                future.cancel()
                continue
            _settle(future, function)


def begin(function: Callable[[], T]) -> "Future[T]":
    """Begin a call in a thread of its own."""
    future: Future[T] = Future()
    threading.Thread(target=_settle, args=(future, function), name="sparkify-call", daemon=True).start()
    return future


def _settle(future: "Future[T]", function: Callable[[], T]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:
        future.set_exception(error)


def run_all(function: Callable[[Item], T], items: Iterable[Item], most: int) -> list[T]:
    """What a function returns for each item, with at most `most` calls at a time. Raises what the first one raises."""
    threads = Threads(most, "sparkify-call")
    try:
        # A lambda in a loop would see the last item.
        futures = [threads.submit(lambda item=item: function(item)) for item in items]  # type: ignore[misc]
        return [future.result() for future in futures]
    finally:
        threads.close()


def run_within(seconds: float, function: Callable[[], T], *, drop: Callable[[T], object] | None = None) -> T:
    """What a function returns. Raises TimeoutError after so many seconds, and leaves the call to itself.

    `drop` gets what comes after all, when nobody waits for it any more, in the call's thread.
    """
    threads = Threads(1, "sparkify-call")
    future = threads.submit(function)
    try:
        return future.result(seconds)
    except BaseException:
        if drop is not None:
            future.add_done_callback(lambda late: None if late.cancelled() or late.exception() else drop(late.result()))
        raise
    finally:
        threads.close()
