"""Where do bytes wait whose turn has not come, and which of them outlive the process?

The rule: bytes lie at their own offsets in one file, that of an unfinished
download which the next run takes up, or one without a name. Of what is kept
for the next run a hash is noted now and then; what follows the last note
counts for nothing then.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pip_resilient.session.ready import Ready
    from pip_resilient.session.transfer import Transfer
    from pip_resilient.store.partials import Partial

_NOTED_EVERY = 256 * 1024
"""Bytes; what a killed process loses at most of each stretch. A note costs 0.02 ms."""
_AT_ONCE = 256 * 1024


class _Stretch:
    """Bytes side by side that one connection after the other has brought."""

    def __init__(self, first: int, end: int, foreign: bool, hashed: Any) -> None:
        self.first = first
        self.end = end
        self.foreign = foreign
        self.hashed = hashed
        self.noted = end


class Aside:
    """The bytes of one body that are not, or not only, handed on at once.

    Args:
        partial: What outlives the process, or None: nothing does.

    Attributes:
        from_disk: Whether an earlier process has brought some of them.
        withheld_from: Offset of the first byte that another host than the asked
            one has brought. From there on nothing is handed on before the end.
    """

    def __init__(self, partial: Partial | None) -> None:
        self._partial = partial
        self._file: Any = None
        self.withheld_from: int | None = None
        kept = [] if partial is None else partial.stretches()
        # Of an old stretch the hash is not known half-way: it is not made longer.
        self._stretches = [_Stretch(one.first, one.end, False, None) for one in kept]
        self.from_disk = bool(kept)

    def has_room(self, count: int) -> bool:
        """Tell whether so many bytes fit here, and pip's own copy of them as well."""
        if self._partial is not None:
            return True  # the folder has looked
        try:
            return count <= shutil.disk_usage(tempfile.gettempdir()).free // 2
        except OSError:
            return False

    def known(self) -> list[tuple[int, int]]:
        """Return first offset and end of what is here, in order."""
        return sorted((one.first, one.end) for one in self._stretches)

    def here(self, offset: int) -> int:
        """Return how many bytes are here from an offset on, side by side."""
        end = offset
        while (found := self._at(end)) is not None:
            end = found.end
        return end - offset

    def beginning(self, offset: int = 0) -> int:
        """Return how many bytes from an offset on need not be asked for.

        All but the file's last one at most: it shows that the file is still there.
        """
        most = 0 if self._partial is None else self._partial.size - 1 - offset
        return max(0, min(self.here(offset), most))

    def next_known(self, offset: int) -> int | None:
        """Return where the next bytes begin that are here behind an offset, None if none are."""
        return min((one.first for one in self._stretches if one.first > offset), default=None)

    def _at(self, offset: int) -> _Stretch | None:
        for one in self._stretches:
            if one.first <= offset < one.end:
                return one
        return None

    def pass_on(self, offset: int, data: bytes | memoryview, foreign: bool = False) -> None:
        """Take bytes whose turn it is: keep them for the next run, or withhold them.

        Raises:
            OSError: They must be withheld, and there is no room for them.
        """
        if foreign and self.withheld_from is None:
            self.withheld_from = offset
        if self.withheld_from is None and self._partial is None:
            return
        if self.put(offset, data, foreign):
            return
        if self.withheld_from is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if all(one.end <= offset for one in self._stretches):
            self.discard()  # nobody waits for any of it, and pip needs the room

    def next(self, offset: int) -> bytes:
        """Return some of the bytes from an offset on, whose turn it is; b"" where none are here.

        Raises:
            OSError: They were here, and are gone.
        """
        found = self._at(offset)
        if found is None:
            return b""
        if found.foreign and self.withheld_from is None:
            self.withheld_from = offset
        data = self.read(offset)
        if not data:
            raise OSError(errno.EIO, "bytes that were put aside are gone")
        return data

    def give_out(self, end: int, ready: Ready) -> None:
        """Put what was withheld, up to an offset, at the end of what pip may have.

        Only once the whole is known to be right.
        """
        if self.withheld_from is not None:
            ready.follow(Withheld(self, self.withheld_from, end))

    def put(self, offset: int, data: bytes | memoryview, foreign: bool = False) -> bool:
        """Put bytes aside.

        Args:
            offset: Of the first of them.
            data: None of which is here.
            foreign: Whether another host than the one that pip asked has brought them.

        Returns:
            Whether they are here now: a disk may be full.
        """
        if not self._write(offset, data):
            return False
        end = offset + len(data)
        for one in self._stretches:
            if one.end == offset and one.foreign == foreign and one.hashed is not None:
                break
        else:
            one = _Stretch(offset, offset, foreign, hashlib.sha256())
            self._stretches.append(one)
        one.end = end
        if self._partial is not None:
            one.hashed.update(data)
            if end - one.noted >= _NOTED_EVERY:
                self._partial.note(one.first, end, one.hashed.hexdigest())
                one.noted = end
        return True

    def _write(self, offset: int, data: bytes | memoryview) -> bool:
        if self._partial is not None:
            return self._partial.write(offset, data)
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115
            self._file.seek(offset)
            self._file.write(data)
        except OSError:
            return False
        return True

    def read(self, offset: int, most: int = _AT_ONCE) -> bytes:
        """Return bytes that are here, at most so many, of one stretch; fewer on a damaged disk."""
        found = self._at(offset)
        count = 0 if found is None else min(most, found.end - offset)
        if self._partial is not None:
            return self._partial.read(offset, count)
        self._file.seek(offset)
        return bytes(self._file.read(count))

    def finish(self) -> None:
        """The whole file is here and right: the next run need not take up anything."""
        partial, self._partial = self._partial, None
        if partial is not None:
            partial.remove()
        self._close_file()

    def discard(self) -> None:
        """Forget bytes that are wrong."""
        self._stretches.clear()
        partial, self._partial = self._partial, None
        if partial is not None:
            partial.remove()

    def settle(self) -> None:
        """Note how far it has come, for the next run and for whoever else goes on with it."""
        for one in self._stretches:
            if self._partial is not None and one.end > one.noted:
                self._partial.note(one.first, one.end, one.hashed.hexdigest())
                one.noted = one.end

    def close(self) -> None:
        """Note how far it has come; what is kept stays."""
        self.settle()
        partial, self._partial = self._partial, None
        if partial is not None:
            partial.close()
        self._close_file()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


def opened(transfer: Transfer, early: list[bytes | memoryview]) -> Aside:
    """Return where a transfer puts bytes aside: for the next run too, where that may be.

    Args:
        transfer: Of a body.
        early: All that has come of it, if that is still known.
    """
    partial = None
    if transfer.may_be_spliced() and transfer.span.end is not None:
        digest = transfer.named[0]
        partial = transfer.run.partials.open(digest.algorithm, digest.value, transfer.span.end)
    aside = Aside(partial)
    at = transfer.span.first
    for data in early:
        aside.pass_on(at, data)
        at += len(data)
    return aside


class Withheld:
    """Bytes aside that may be handed out now, in order.

    Args:
        aside: Where they are.
        first: Offset of the first of them.
        end: Offset behind the last one.
    """

    def __init__(self, aside: Aside, first: int, end: int) -> None:
        self._aside = aside
        self._at = first
        self._end = end

    def __len__(self) -> int:
        return self._end - self._at

    def read(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            OSError: They are not there any more.
        """
        parts, count = [], min(count, len(self))
        while count:
            data = self._aside.read(self._at, count)
            if not data:
                raise OSError(errno.EIO, "bytes that were put aside are gone")
            parts.append(data)
            self._at += len(data)
            count -= len(data)
        return b"".join(parts)
