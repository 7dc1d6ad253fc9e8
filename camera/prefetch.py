"""A small bounded producer that keeps the next items ready, in order, ahead of whoever takes them."""

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_JOIN_SECONDS: Final = 2.0

Item = TypeVar("Item")


class PrefetchClosedError(Exception):
    """The producer was closed; nothing more comes."""


class Prefetch(Generic[Item]):
    """Makes items 0, 1, 2, ... in worker threads, never more than ``depth`` ahead, and hands them out in order.

    An exception that ``produce`` raises is the item of its turn: it is raised by the :meth:`take` that would have
    returned the item, and the next take goes on with the next one. ``produce`` is called from several threads at
    once when there is more than one worker.
    """

    def __init__(
        self, produce: Callable[[int], Item], *, name: str, first: int = 0, depth: int = 3, workers: int = 1
    ) -> None:
        """Start the workers.

        Args:
            produce: Makes item ``index``.
            name: The threads' name, for people who look at a stack dump.
            first: Index of the first item.
            depth: Items made or being made and not yet taken, at most; at least 1.
            workers: Number of threads; more than ``depth`` would be idle.
        """
        if depth < 1 or workers < 1:
            raise ValueError(f"a prefetch needs depth ({depth}) and workers ({workers}) of at least 1")
        self._produce = produce
        self._depth = depth
        self._changed = threading.Condition()
        self._ready: dict[int, Item | Exception] = {}
        self._next_made = first
        self._next_taken = first
        self._closed = False
        self._filled = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def next_index(self) -> int:
        """Index of the item that the next :meth:`take` hands out."""
        with self._changed:
            return self._next_taken

    @property
    def filled(self) -> bool:
        """Whether it has been full once: from then on the maker is known to keep ahead."""
        return self._filled

    def take(self, deadline_ns: int) -> Item:
        """Return the next item, waiting for it until ``deadline_ns`` (``time.monotonic_ns``) at most.

        A take that times out uses no turn. One that is ready is handed out even after the deadline.

        Raises:
            TimeoutError: The item was not ready in time.
            PrefetchClosedError: :meth:`close` was called, before or during the wait.
            Exception: What ``produce`` raised for this item; the turn is used.
        """
        with self._changed:
            while not self._closed and self._next_taken not in self._ready:
                remaining_ns = deadline_ns - time.monotonic_ns()
                if remaining_ns <= 0:
                    raise TimeoutError(f"item {self._next_taken} was not ready in time")
                self._changed.wait(remaining_ns / 1e9)
            if self._closed:
                raise PrefetchClosedError("the prefetch is closed")
            item = self._ready.pop(self._next_taken)
            self._next_taken += 1
            self._changed.notify_all()
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        """Stop the workers and drop what they made; safe to call twice and from any thread but a worker.

        Returns when the workers ended, or after two seconds: a worker still inside ``produce`` then ends, without
        effect, when that returns.
        """
        with self._changed:
            self._closed = True
            self._ready.clear()
            self._changed.notify_all()
        give_up = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, give_up - time.monotonic()))

    def _work(self) -> None:
        while (index := self._claim()) is not None:
            item: Item | Exception
            try:
                item = self._produce(index)
            except Exception as error:  # noqa: BLE001 - it is delivered at its turn
                item = error
            with self._changed:
                if self._closed:
                    return
                self._ready[index] = item
                self._filled = self._filled or len(self._ready) == self._depth
                self._changed.notify_all()

    def _claim(self) -> int | None:
        """Wait for room and return the index to make, None when closed."""
        with self._changed:
            while not self._closed and self._next_made - self._next_taken >= self._depth:
                self._changed.wait()
            if self._closed:
                return None
            self._next_made += 1
            return self._next_made - 1
