"""Do bytes wait in order, in flat memory, and come out only as they went in?"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pip_resilient.policy.digests import Digest, Verification
from pip_resilient.session import spool as spool_module
from pip_resilient.session.aside import Aside
from pip_resilient.session.ready import Ready
from pip_resilient.session.spool import Spool
from tests.unfinished import files, leave, left, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


# Where an unfinished download keeps them.

SIZE = (1 << 20) + 4321
LARGE = random.Random(0).randbytes(SIZE)


class Lost(Exception):
    """What pip would get."""


@contextlib.contextmanager
def kept_in(state: Path, first: int = 0) -> Iterator[Spool]:
    verification = Verification([sha256(LARGE)])
    verification.update(LARGE[:first])
    spool = Spool(verification, first, Aside(opened(state, LARGE)), Lost)
    with contextlib.closing(spool):
        yield spool


def all_of(spool: Spool, amt: int) -> bytes:
    got = b""
    while data := spool.read(amt):
        got += data
    return got


def fill(spool: Spool, piece: int = 50_000) -> list[tuple[int, int]]:
    """Bring all that is asked for, and return what that was."""
    asked = []
    while True:
        stop = spool.take_up()
        first, end = spool.position, SIZE if stop is None else stop
        if first == SIZE:
            return asked
        asked.append((first, end))
        for at in range(first, end, piece):
            spool.add(memoryview(LARGE)[at : min(at + piece, end)])


def edges() -> st.SearchStrategy[list[tuple[int, int]]]:
    """Stretches that do not touch."""
    cuts = st.lists(st.integers(0, SIZE), unique=True, max_size=8).map(sorted)
    return cuts.map(lambda some: list(zip(some[::2], some[1::2])))


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edges(), st.integers(0, SIZE - 1), st.none() | st.integers(0, SIZE), st.integers(3000, SIZE))
def test_only_gaps_are_filled_and_all_comes_out(
    tmp_path: Path, there: list[tuple[int, int]], first: int, full_at: int | None, amt: int
) -> None:
    """Also where the disk of the unfinished download is full at some byte, and this one is not."""
    leave(tmp_path, LARGE, *there)
    with kept_in(tmp_path, first) as spool:
        if full_at is not None:
            aside: Any = spool._aside
            put = aside.put
            aside.put = lambda at, data, foreign: at < full_at and put(at, data, foreign)
        asked = fill(spool)
        brought = sum(end - start for start, end in asked)
        known = sum(max(0, end - max(start, first)) for start, end in there)
        assert spool.mismatch() is None
        spool.give_out()
        got = all_of(spool, amt)

    assert got == LARGE[first:]
    assert spool.brought == brought
    assert spool.taken_up == SIZE - first - brought
    assert full_at is not None or spool.taken_up >= known - 1
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ([], [(0, SIZE)]),
        ([(0, 600_000)], [(600_000, SIZE)]),
        ([(0, 600_000), (700_000, SIZE)], [(600_000, 700_000)]),
        ([(0, SIZE)], [(SIZE - 1, SIZE)]),
    ],
    ids=["nothing", "beginning", "gap", "all"],
)
def test_what_is_there_is_not_asked_for(
    tmp_path: Path, there: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    """But for one byte, at least: somebody has to have the file."""
    leave(tmp_path, LARGE, *there)
    with kept_in(tmp_path) as spool:
        assert fill(spool) == asked


def test_what_was_brought_is_there_after_a_kill(tmp_path: Path) -> None:
    """As far as it was noted; a kill closes nothing."""
    with kept_in(tmp_path) as spool:
        spool.add(LARGE[:600_000])
        ((first, end),) = left(tmp_path, LARGE)

    assert first == 0
    assert end >= 600_000 - (256 << 10)


def test_while_it_is_given_out_all_of_it_is_there_for_the_next_run(tmp_path: Path) -> None:
    """pip may be killed then as well; and what it has read to its end it needs no more."""
    with kept_in(tmp_path) as spool:
        fill(spool)
        spool.give_out()
        spool.read(SIZE - 1)
        before = left(tmp_path, LARGE)
        spool.read(1)

    assert before == [(0, SIZE)]
    assert files(tmp_path) == []


def test_closed_early_it_leaves_what_it_has(tmp_path: Path) -> None:
    with kept_in(tmp_path) as spool:
        fill(spool)
        spool.give_out()
        spool.read(1000)

    assert spool.read(1000) == b""
    assert left(tmp_path, LARGE) == [(0, SIZE)]


@pytest.mark.parametrize("at", [0, 1000, SIZE - 1])
def test_bytes_that_somebody_changed_meanwhile_are_not_given_out_to_the_end(
    tmp_path: Path, at: int
) -> None:
    """Another run with a wrong mirror may write to the same unfinished download."""
    with kept_in(tmp_path) as spool:
        fill(spool)
        spool.give_out()
        opened(tmp_path, LARGE).write(at, bytes([LARGE[at] ^ 1]))
        with pytest.raises(Lost):
            all_of(spool, 100_000)

    assert spool.read(1) == b""
    assert files(tmp_path) == []


def test_a_disk_that_cannot_be_read_any_more_is_told(tmp_path: Path) -> None:
    with kept_in(tmp_path) as spool:
        fill(spool)
        spool.give_out()
        (name,) = (name for name in files(tmp_path) if not name.endswith(".notes"))
        os.truncate(tmp_path / "partials" / name, 1000)
        with pytest.raises(Lost):
            spool.read()

    assert files(tmp_path) == []
