"""Which bytes have come and wait for pip to take them?

The rule: they are kept as they came, and copied only where pip wants a part
of one arrival or several at once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pip_resilient.session.spool import Spool


class Ready:
    """Bytes in order: in at one end as they arrive, out at the other as pip asks."""

    def __init__(self) -> None:
        self._arrivals: deque[bytes | memoryview] = deque()
        self._behind: Spool | None = None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, data: bytes | memoryview) -> None:
        """Put an arrival at the end."""
        self._arrivals.append(data)
        self._size += len(data)

    def follow(self, spool: Spool) -> None:
        """Put what waits in a spool at the end; nothing comes behind it."""
        self._behind = spool
        self._size += len(spool)

    def start(self, count: int) -> bytes:
        """Return the first bytes without taking them."""
        found = b""
        for data in self._arrivals:
            found += data[: count - len(found)]
            if len(found) >= count:
                break
        return found

    def take(self, count: int) -> bytes:
        """Take that many bytes, or all there are."""
        count = min(count, self._size)
        self._size -= count
        parts: list[bytes | memoryview] = []
        while count:
            if not self._arrivals:
                assert self._behind is not None  # noqa: S101  # else `_size` would be less
                parts.append(self._behind.read(count))
                break
            data = self._arrivals.popleft()
            if len(data) > count:
                rest = memoryview(data)
                self._arrivals.appendleft(rest[count:])
                data = rest[:count]
            parts.append(data)
            count -= len(data)
        if len(parts) == 1 and isinstance(parts[0], bytes):
            return parts[0]
        return b"".join(parts)
