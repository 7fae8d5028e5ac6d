"""Which bytes have come and wait for pip to take them?

The rule: they are kept as they came, and copied only where pip wants a part
of one arrival or several at once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    class Waiting(Protocol):
        """Bytes that are known to be right, and lie elsewhere."""

        def __len__(self) -> int: ...
        def read(self, count: int, /) -> bytes:
            """Return the next bytes."""


class Ready:
    """Bytes in order: in at one end as they arrive, out at the other as pip asks."""

    def __init__(self) -> None:
        self._arrivals: deque[bytes | memoryview] = deque()
        self._taken = 0  # bytes of the first arrival
        self._behind: list[Waiting] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, data: bytes | memoryview) -> None:
        """Put an arrival at the end."""
        self._arrivals.append(data)
        self._size += len(data)

    def follow(self, waiting: Waiting) -> None:
        """Put what waits elsewhere at the end; nothing but more of that kind comes behind it."""
        self._behind.append(waiting)
        self._size += len(waiting)

    def start(self, count: int) -> bytes:
        """Return the first bytes without taking them."""
        found, begin = b"", self._taken
        for data in self._arrivals:
            found += data[begin : begin + count - len(found)]
            begin = 0
            if len(found) >= count:
                break
        return found

    def piece(self, count: int) -> bytes | None:
        """Take so many bytes of one arrival; None where none has more than that of its own.

        Nothing is waited for, nothing can fail, and something is left.
        """
        begin, end = self._taken, self._taken + count
        if not self._arrivals or end >= len(self._arrivals[0]):
            return None
        self._taken = end
        self._size -= count
        return bytes(self._arrivals[0][begin:end])

    def take(self, count: int) -> bytes:
        """Take that many bytes, or all there are."""
        count = min(count, self._size)
        piece = self.piece(count)
        if piece is not None:
            return piece
        self._size -= count
        parts: list[bytes | memoryview] = []
        while count:
            data = self._next(count)
            parts.append(data)
            count -= len(data)
        if len(parts) == 1 and isinstance(parts[0], bytes):
            return parts[0]
        return b"".join(parts)

    def _next(self, count: int) -> bytes | memoryview:
        """Take some of the next bytes, at most so many."""
        if not self._arrivals:
            found = self._behind[0].read(min(count, len(self._behind[0])))
            if not len(self._behind[0]):
                self._behind.pop(0)
            return found
        data, begin = self._arrivals[0], self._taken
        end = begin + count
        if end < len(data):
            self._taken = end
            return memoryview(data)[begin:end]
        self._arrivals.popleft()
        self._taken = 0
        return memoryview(data)[begin:] if begin else data
