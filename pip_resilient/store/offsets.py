"""How are bytes read and written in the midst of an open file?

The rule: at an offset that is said with them, so that it does not matter who
else has the file open; and all of them, or up to where the file ends. Where
the platform cannot say both at once (Windows), it is done in two steps.
"""

from __future__ import annotations

import os

_AT_ONCE = hasattr(os, "pread") and hasattr(os, "pwrite")


def read_at(fd: int, offset: int, count: int) -> bytes:
    """Return so many bytes, fewer at the end of the file.

    Raises:
        OSError: The disk cannot be read, or the offset is negative.
    """
    parts: list[bytes] = []
    while count > 0:
        if _AT_ONCE:
            part = os.pread(fd, count, offset)
        else:
            os.lseek(fd, offset, os.SEEK_SET)
            part = os.read(fd, count)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write_at(fd: int, offset: int, data: bytes | memoryview) -> None:
    """Write all of some bytes.

    Raises:
        OSError: The disk is full or cannot be written, or the offset is negative.
    """
    rest = memoryview(data)
    while rest:
        if _AT_ONCE:
            written = os.pwrite(fd, rest, offset)
        else:
            os.lseek(fd, offset, os.SEEK_SET)
            written = os.write(fd, rest)
        offset += written
        rest = rest[written:]
