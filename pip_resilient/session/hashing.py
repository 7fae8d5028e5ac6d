"""How are the bytes of a large file hashed without pip having to wait for it?

The rule: one verification, fed in order; beyond the first megabytes a helper
thread feeds it, while pip's own thread reads on and writes. It takes the time
that a hash costs (30 ms for 50 MB of sha256) off a download over a fast link;
at most `_PENDING` batches wait, so memory stays flat. Whoever asks for the
outcome waits for the thread first.
"""

from __future__ import annotations

import os
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pip_resilient.policy.digests import Mismatch, Verification

_ALONE = 4 << 20
_BATCH = 1 << 20
_PENDING = 4


class Hashing:
    """Feeds a verification, by a helper thread where that pays.

    Args:
        verification: What hashes and judges.
    """

    def __init__(self, verification: Verification) -> None:
        self._verification = verification
        self.digests = verification.digests
        self._fed = 0
        self._batch: list[memoryview] = []
        self._batched = 0
        self._batches: queue.Queue[list[memoryview] | None] | None = None
        self._thread: threading.Thread | None = None

    def update(self, data: memoryview) -> None:
        """Take the next bytes, in order."""
        self._fed += len(data)
        if self._fed <= _ALONE or _CORES == 1:
            self._verification.update(data)
            return
        self._batch.append(data)
        self._batched += len(data)
        if self._batched >= _BATCH:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._batches is None:
            self._batches = queue.Queue(_PENDING)
            self._thread = threading.Thread(
                target=self._run, args=(self._batches,), name="pip-resilient-hashing", daemon=True
            )
            self._thread.start()
        self._batches.put(self._batch)
        self._batch, self._batched = [], 0

    def _run(self, batches: queue.Queue[list[memoryview] | None]) -> None:
        while True:
            batch = batches.get()
            if batch is None:
                return
            for data in batch:
                self._verification.update(data)

    def catch_up(self) -> None:
        """Wait until every byte is hashed; no thread is left."""
        if self._thread is not None and self._batches is not None:
            self._batches.put(None)
            self._thread.join()
            self._thread = self._batches = None
        for data in self._batch:
            self._verification.update(data)
        self._batch, self._batched = [], 0

    def fingerprint(self) -> str:
        """Return a hash of the bytes so far."""
        self.catch_up()
        return self._verification.fingerprint()

    def mismatch(self) -> Mismatch | None:
        """Return the first digest that the bytes so far do not have, or None."""
        self.catch_up()
        return self._verification.mismatch()

    def afresh(self) -> Verification:
        """Return a verification of the same digests that has seen no byte."""
        return self._verification.afresh()


_CORES = os.cpu_count() or 1
