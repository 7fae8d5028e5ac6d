"""Is a body of ours one that urllib3 and pip's cache can read?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pip_resilient.session.stream import Stream
from tests.pip_in_process import hooked_pip

if TYPE_CHECKING:
    from pip_resilient.session.run import Stack


class Some(Stream):
    """A body of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, amt: int | None = None) -> bytes:
        amt = len(self.data) if amt is None else amt
        found, self.data = self.data[:amt], self.data[amt:]
        return found

    def delivered(self) -> bool:
        return not self.data

    def close(self) -> None:
        self.closed = True


def test_read1_gives_what_is_asked_for_or_some() -> None:
    """urllib3 2.x reads with -1 where it does not care."""
    assert Some(b"abcdef").read1(2) == b"ab"
    assert Some(b"abcdef").read1() == b"abcdef"
    assert Some(b"x" * 300_000).read1(-1) == b"x" * 256 * 1024
    assert Some(b"abc").read1(0) == b""


@pytest.mark.parametrize(("data", "closed"), [(b"", False), (b"abc", True), (b"", True)])
def test_at_its_end_or_closed_it_has_no_fp(data: bytes, closed: bool) -> None:
    """It is by this that pip's cache knows that a file is whole."""
    body = Some(data)
    body.closed = closed

    assert body.isclosed()
    assert body.fp is None


def test_in_its_midst_it_has_one() -> None:
    """A file that is cut must never be stored."""
    body = Some(b"abc")
    body.read(1)

    assert not body.isclosed()
    assert body.fp is body
    body.flush()


def test_what_has_no_bytes_of_its_own_is_no_body() -> None:
    """An empty one would be taken for an empty file."""
    with pytest.raises(NotImplementedError):
        Stream().read()
    with pytest.raises(NotImplementedError):
        Stream().delivered()


@pytest.mark.parametrize("piece", [1, 7, 100, 100_000])
def test_pips_urllib3_reads_it_to_its_end(piece: int) -> None:
    """In pieces of any size, as pip's Downloader does."""
    content = bytes(range(256)) * 100
    with hooked_pip() as pip:
        stack: Stack = pip.run.stack
        up = stack.answer(Some(content), {"Content-Length": str(len(content))})

        assert up.status == 200
        assert b"".join(up.stream(piece, decode_content=False)) == content
