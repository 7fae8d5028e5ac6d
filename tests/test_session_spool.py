"""Do bytes wait in order, in flat memory, and come out only as they went in?"""

from __future__ import annotations

import errno
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pip_resilient.policy.digests import Digest, Verification
from pip_resilient.session import spool as spool_module
from pip_resilient.session.ready import Ready
from pip_resilient.session.spool import Spool

CONTENT = bytes(range(256)) * 40


def sha256(content: bytes) -> Digest:
    return Digest("sha256", hashlib.sha256(content).hexdigest(), "the index page")


def spool_of(content: bytes, before: bytes = b"", digest: Digest | None = None) -> Spool:
    verification = Verification([digest or sha256(before + content)])
    verification.update(before)
    spool = Spool(verification, len(before))
    spool.add(content)
    return spool


pieces = st.lists(st.binary(max_size=300), max_size=10)


@settings(deadline=None)
@given(pieces, st.lists(st.integers(0, 400), max_size=30), st.booleans(), st.integers(1, 500))
def test_bytes_come_out_as_they_went_in(
    arrivals: list[bytes], asked: list[int], as_view: bool, in_memory: int
) -> None:
    """Whatever pip asks for at a time, and wherever they wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_module, "_IN_MEMORY", in_memory)
        whole = b"".join(arrivals)
        spool = Spool(Verification([sha256(whole)]), 0)
        for data in arrivals:
            spool.add(memoryview(data) if as_view else data)
        assert spool.position == len(whole)
        assert spool.mismatch() is None
        spool.give_out()
        assert len(spool) == len(whole)
        got = b""
        for amt in asked:
            data = spool.read(amt)
            got += data
            assert data == whole[len(got) - len(data) : len(got)]
            assert len(data) == min(amt, len(whole) - len(got) + len(data))
        got += spool.read()

        assert got == whole
        assert spool.read() == spool.read(10) == spool.read1() == b""
        assert spool.delivered()
        spool.close()


def test_nothing_is_given_out_before_it_is_known_to_be_right() -> None:
    """pip would have wrong bytes on its disk, and in its cache."""
    spool = spool_of(CONTENT)

    assert len(spool) == 0
    assert spool.read(10) == b""
    spool.give_out()
    assert spool.read(10) == CONTENT[:10]
    spool.close()


@pytest.mark.parametrize("size", [0, 1, len(CONTENT) - 1, len(CONTENT)])
def test_the_rest_is_held_against_the_digest_of_the_whole(size: int) -> None:
    """No digest is named of a part."""
    before, rest = CONTENT[:size], CONTENT[size:]
    spool = spool_of(rest, before)

    assert (spool.first, spool.position) == (size, len(CONTENT))
    assert spool.mismatch() is None
    spool.close()


@pytest.mark.parametrize(
    ("before", "rest"),
    [
        (b"", CONTENT[:-1]),
        (b"", CONTENT + b"x"),
        (b"", b"\x01" + CONTENT[1:]),
        (CONTENT[:9] + b"x", CONTENT[10:]),
        (CONTENT[:10], CONTENT[11:]),
    ],
    ids=["short", "long", "flipped", "wrong-before", "gap"],
)
def test_wrong_bytes_are_found(before: bytes, rest: bytes) -> None:
    """Whichever of the two sources they came from."""
    spool = spool_of(rest, before, sha256(CONTENT))
    mismatch = spool.mismatch()

    assert mismatch is not None
    assert mismatch.digest == sha256(CONTENT)
    assert mismatch.got == hashlib.sha256(before + rest).hexdigest()
    spool.close()


def test_what_came_before_is_not_changed_by_what_comes_behind() -> None:
    """If this source fails, the next one goes on from the same place."""
    before = Verification([sha256(CONTENT)])
    before.update(CONTENT[:10])
    wrong, right = Spool(before, 10), Spool(before, 10)
    wrong.add(b"wrong")
    right.add(CONTENT[10:])

    assert wrong.mismatch() is not None
    assert right.mismatch() is None
    wrong.close()
    right.close()


def test_a_large_file_waits_on_the_disk() -> None:
    """Memory stays flat for a file of any size."""
    spool = spool_of(b"x" * (8 << 20))
    in_memory = not _on_disk(spool)
    spool.add(b"x")

    assert in_memory
    assert _on_disk(spool)
    assert spool.position == (8 << 20) + 1
    spool.close()


def _on_disk(spool: Any) -> bool:
    return bool(spool._file._rolled)


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the file and is nobody's fault but the disk's."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = spool_of(b"")
    monkeypatch.setattr(spool._file, "rollover", full)

    with pytest.raises(OSError, match="No space left"):
        spool.add(b"x" * (8 << 20) + b"x")
    spool.close()


def test_closed_it_gives_nothing_and_can_be_closed_again() -> None:
    """urllib3 closes a body more than once."""
    spool = spool_of(CONTENT)
    spool.give_out()
    assert spool.read(5) == CONTENT[:5]
    spool.close()
    spool.close()

    assert spool.read(5) == b""
    assert spool.isclosed()
    assert spool.fp is None


def test_it_is_a_body_to_urllib3_and_to_pips_cache() -> None:
    """pip 20.3 to 26.3 ask all of this of what http.client would have given."""
    spool = spool_of(CONTENT)
    spool.give_out()

    assert not spool.closed
    assert not spool.isclosed()
    assert spool.fp is spool
    spool.flush()
    assert spool.read1(7) == CONTENT[:7]
    assert spool.read1(-1) == CONTENT[7:]
    assert spool.isclosed()
    assert spool.fp is None  # cachecontrol stores it then
    assert not spool.closed
    spool.close()


@given(pieces, st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=30))
def test_a_spool_follows_what_has_come_before_it(
    arrivals: list[bytes], rest: bytes, asked: list[int]
) -> None:
    """The first part came from the host itself, the second from somebody else."""
    ready, before = Ready(), b"".join(arrivals)
    for data in arrivals:
        ready.add(memoryview(data))
    spool = spool_of(rest, before)
    spool.give_out()
    ready.follow(spool)
    whole, got = before + rest, b""
    assert len(ready) == len(whole)
    for amt in [*asked, 10_000]:
        taken = ready.take(amt)
        assert taken == whole[len(got) : len(got) + amt]
        got += taken
        assert len(ready) == len(whole) - len(got)

    assert got == whole
    assert spool.delivered()
    assert ready.take(1) == b""
    spool.close()
