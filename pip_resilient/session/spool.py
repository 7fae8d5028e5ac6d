"""Where do bytes wait that pip must not see before all of them are known to be right?

The rule: what did not come in one whole body from the host that was asked is
kept here, up to 8 MiB in memory and beyond that in a file without a name, and
is given out only after the digest of the whole file held.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from pip_resilient.session.stream import Stream

if TYPE_CHECKING:
    from pip_resilient.policy.digests import Mismatch, Verification

_IN_MEMORY = 8 << 20
_ALL = 1 << 30
"""What `read` without a number gives at once; callers repeat until nothing comes."""


class Spool(Stream):
    """The rest of a file, from an offset on; from the first byte on it is a body by itself.

    Args:
        before: Has seen the bytes before the offset.
        first: The offset.
    """

    def __init__(self, before: Verification, first: int) -> None:
        self.first = first
        self.position = first
        self._verification = before.copy()
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._left = 0

    def add(self, data: bytes | memoryview) -> None:
        """Keep the next bytes.

        Raises:
            OSError: The disk is full.
        """
        self._verification.update(data)
        self._file.write(data)
        self.position += len(data)

    def mismatch(self) -> Mismatch | None:
        """Return the first digest of the whole file that does not hold, or None."""
        return self._verification.mismatch()

    def give_out(self) -> None:
        """Let it be read from its first byte; only once no digest fails."""
        self._left = self.position - self.first
        self._file.seek(0)

    def __len__(self) -> int:
        return self._left

    def read(self, amt: int | None = None) -> bytes:
        """Return the next bytes; b"" at the end."""
        if self.closed:
            return b""
        data = self._file.read(min(self._left, _ALL if amt is None else amt))
        self._left -= len(data)
        return data

    def delivered(self) -> bool:
        """Tell whether every byte has been read."""
        return not self._left

    def close(self) -> None:
        """Throw away what is left."""
        self.closed = True
        self._file.close()
