"""Where do bytes wait that pip must not see before all of them are known to be right?

The rule: what did not come in one whole body from the host that was asked is
kept here, and is given out only after the digest of the whole file held. It
lies in the unfinished download that the next run takes up; where there is
none, up to 8 MiB in memory and beyond that in a file without a name.

Others may write to an unfinished download as well, so that what is read from
it is held against the digest once more, before its last bytes are given out.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from pip_resilient.session.aside import Withheld
from pip_resilient.session.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.policy.digests import Mismatch, Verification
    from pip_resilient.session.aside import Aside

_IN_MEMORY = 8 << 20
_ALL = 1 << 30
"""What `read` without a number gives at once; callers repeat until nothing comes."""
_AT_ONCE = 256 * 1024


class Spool(Stream):
    """The rest of a file, from an offset on; from the first byte on it is a body by itself.

    Args:
        before: Has seen the bytes before the offset.
        first: The offset.
        aside: The unfinished download that keeps them, if there is one. It is
            closed with this only once it gives them out.
        lost: Makes what is raised where that does not give back what it was given.

    Attributes:
        position: Offset behind the last byte that is here, side by side.
        brought: How many bytes were added.
        taken_up: How many others of them there were already.
    """

    def __init__(
        self,
        before: Verification,
        first: int,
        aside: Aside | None = None,
        lost: Callable[[str], Exception] = OSError,
    ) -> None:
        self.first = first
        self.position = first
        self.brought = 0
        self.taken_up = 0
        self._verification = before.copy()
        self._proof = before.copy()
        self._aside = aside
        self._lost = lost
        self._aside_to = first
        self._waiting: Withheld | None = None
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._left = 0

    def keep_in(self, aside: Aside | None) -> None:
        """Keep the bytes in an unfinished download, before the first of them comes."""
        self._aside = aside

    @property
    def _kept(self) -> Aside | None:
        """What keeps the next bytes; None once it had no room for some."""
        return self._aside if self._aside_to == self.position else None

    def take_up(self) -> int | None:
        """Take up what is here already from the next byte on.

        Returns:
            Offset behind the last byte that has to be brought now; None: all that follow.
        """
        kept = self._kept
        if kept is None:
            return None
        while True:
            count = kept.here(self.position) if self.brought else kept.beginning(self.position)
            data = kept.read(self.position, min(count, _AT_ONCE)) if count else b""
            if not data:  # none is here, or the disk is damaged
                return kept.next_known(self.position)
            self._verification.update(data)
            self.taken_up += len(data)
            self.position += len(data)
            self._aside_to = self.position

    def add(self, data: bytes | memoryview) -> None:
        """Keep the next bytes.

        Raises:
            OSError: The disk is full.
        """
        self._verification.update(data)
        kept = self._kept
        if kept is not None and kept.put(self.position, data, foreign=True):
            self._aside_to += len(data)
        else:
            self._file.write(data)
        self.position += len(data)
        self.brought += len(data)

    def mismatch(self) -> Mismatch | None:
        """Return the first digest of the whole file that does not hold, or None."""
        return self._verification.mismatch()

    def give_out(self) -> None:
        """Let it be read from its first byte; only once no digest fails."""
        self._left = self.position - self.first
        self._file.seek(0)
        if self._aside is not None:
            self._aside.settle()
            self._waiting = Withheld(self._aside, self.first, self._aside_to)

    def __len__(self) -> int:
        return self._left

    def read(self, amt: int | None = None) -> bytes:
        """Return the next bytes; b"" at the end.

        Raises:
            Exception: What was kept is not there any more; see `lost`.
        """
        if self.closed or not self._left:
            return b""
        count = min(self._left, _ALL if amt is None else amt)
        data = self._file.read(count) if self._waiting is None else self._proven(count)
        self._left -= len(data)
        if not self._left:
            self._file.close()
            if self._aside is not None:
                self._aside.finish()
        return data

    def _proven(self, count: int) -> bytes:
        """Return the next bytes, the last of them only if all are still what they were."""
        assert self._waiting is not None  # noqa: S101  # its only caller has looked
        why = "bytes that were put aside are not what they were"
        try:
            data = self._waiting.read(count)
            data += self._file.read(count - len(data))
            self._proof.update(data)
            if len(data) < self._left or self._proof.mismatch() is None:
                return data
        except OSError as error:
            why = str(error)
        self.closed = True
        if self._aside is not None:
            self._aside.discard()
        raise self._lost(why)

    def delivered(self) -> bool:
        """Tell whether every byte has been read."""
        return not self._left

    def close(self) -> None:
        """Close it; what is kept for the next run stays, unless all has been read."""
        self.closed = True
        self._file.close()
        if self._waiting is not None and self._aside is not None:
            self._aside.close()
