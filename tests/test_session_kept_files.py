"""What do other sources have to bring of a file that is there in part, and who is blamed?

The rule: what is missing. Where the whole is wrong, nobody is called wrong before
it has brought all of it by itself; and what is wrong is not left for the next run.
"""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.mirrors.group import Asked
from pip_resilient.policy.digests import Digest, Verification
from pip_resilient.session import drain as drain_module
from pip_resilient.session.elsewhere import Unusable, WrongThere
from pip_resilient.session.pages import Page
from pip_resilient.session.spare_files import FileFetch, NotToBlame
from tests.elsewhere_in_process import ORIGIN, Asker, source_of
from tests.faults import FaultServer, Fin, FlippedBit, RangeIgnored, Silence, Status
from tests.pip_in_process import hooked_pip
from tests.unfinished import files, leave, left, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "demo-1.0-py3-none-any.whl"
PATH = f"/simple/demo/{NAME}"
SIZE = (1 << 20) + 4321
CONTENT = random.Random(0).randbytes(SIZE)
HALF = 600_000
ASKED = Asked("file", "other", "https://origin.example/simple/", "demo", NAME)
DEAD = Silence(HALF)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed sooner than on a real network."""
    monkeypatch.setattr(drain_module, "_SILENCE", 0.3)


@pytest.fixture
def asker(tmp_path: Path) -> Iterator[Asker]:
    with hooked_pip() as pip, contextlib.closing(Asker(pip)) as asker:
        pip.run.state_dir = str(tmp_path)
        yield asker
        assert pip.surprises == []


@pytest.fixture
def servers() -> Iterator[list[FaultServer]]:
    with FaultServer() as first, FaultServer() as second:
        for server in (first, second):
            page = f'<html><body><a href="{NAME}">{NAME}</a></body></html>'.encode()
            server.put("/simple/demo/", page, content_type="text/html")
            server.put(PATH, CONTENT)
        yield [first, second]


def fetch_of(asker: Asker, before: bytes = b"", sized: bool = True) -> FileFetch:
    verification = Verification([Digest("sha256", sha256(CONTENT), "x")])
    verification.update(before)
    end = SIZE if sized else None
    return FileFetch(asker.exchange, asker.elsewhere, ASKED, verification, end)


def fetched(fetch: FileFetch, server: FaultServer, first: int = 0) -> bytes:
    with contextlib.closing(fetch):
        spool = fetch.fetch(source_of(f"{server.url}/simple"), first, True)
        with contextlib.closing(spool):
            return spool.read()


def failed(asker: Asker, server: FaultServer, *, sized: bool = True) -> None:
    fetch = fetch_of(asker, sized=sized)
    fetch.look(0)
    with pytest.raises(Unusable):
        fetched(fetch, server)


both = pytest.mark.parametrize("sized", [True, False], ids=["size-known", "size-unknown"])


@pytest.mark.usefixtures("quickly")
@both
def test_what_one_source_brought_the_next_one_need_not(
    tmp_path: Path, asker: Asker, servers: list[FaultServer], sized: bool
) -> None:
    """In the same run: it has failed, but its bytes may be right."""
    servers[0].script = [DEAD.when(NAME)]
    fetch = fetch_of(asker, sized=sized)
    with pytest.raises(Unusable):
        fetch.fetch(source_of(f"{servers[0].url}/simple"), 0, True)
    got = fetched(fetch, servers[1])

    assert got == CONTENT
    assert servers[1].ranges(PATH) == [f"bytes={HALF}-"]
    assert files(tmp_path) == []


@pytest.mark.usefixtures("quickly")
@both
def test_what_a_source_brought_is_there_in_the_next_run(
    tmp_path: Path, asker: Asker, servers: list[FaultServer], sized: bool
) -> None:
    servers[0].script = [DEAD.when(NAME)]
    failed(asker, servers[0], sized=sized)
    there = left(tmp_path, CONTENT)
    fetch = fetch_of(asker, sized=sized)

    assert there == [(0, HALF)]
    assert fetch.look(0) == HALF
    assert fetch.end == SIZE
    assert fetched(fetch, servers[1]) == CONTENT
    assert servers[1].ranges(PATH) == [f"bytes={HALF}-"]
    assert files(tmp_path) == []


@both
@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ([(0, HALF), (700_000, SIZE)], [f"bytes={HALF}-699999"]),
        ([(1000, HALF), (700_000, 800_000)], [f"bytes={a}" for a in ("0-999", f"{HALF}-699999")]),
        ([(0, SIZE)], [f"bytes={SIZE - 1}-"]),
    ],
    ids=["gap", "gaps", "all"],
)
def test_gaps_alone_are_asked_for(
    tmp_path: Path,
    asker: Asker,
    servers: list[FaultServer],
    there: list[tuple[int, int]],
    asked: list[str],
    sized: bool,
) -> None:
    """Several connections leave some."""
    leave(tmp_path, CONTENT, *there)
    fetch = fetch_of(asker, sized=sized)
    fetch.look(0)

    assert fetched(fetch, servers[0]) == CONTENT
    assert servers[0].ranges(PATH)[: len(asked)] == asked
    assert files(tmp_path) == []


def test_a_source_without_ranges_brings_it_whole(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    leave(tmp_path, CONTENT, (0, HALF), (700_000, 800_000))
    servers[0].script = [RangeIgnored()]

    assert fetched(fetch_of(asker), servers[0]) == CONTENT
    assert files(tmp_path) == []


def test_the_rest_goes_on_with_what_is_known_of_it(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    """pip has the beginning; several connections had brought more."""
    leave(tmp_path, CONTENT, (0, HALF), (700_000, SIZE))
    fetch = fetch_of(asker, CONTENT[:HALF])

    assert fetched(fetch, servers[0], HALF) == CONTENT[HALF:]
    assert servers[0].ranges(PATH) == [f"bytes={HALF}-699999"]


def test_wrong_bytes_of_an_earlier_run_are_no_sources_fault(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    """It brings the whole by itself, and that is right."""
    leave(tmp_path, CONTENT, (0, HALF), forged=True)
    got = fetched(fetch_of(asker), servers[0])

    assert got == CONTENT
    assert servers[0].ranges(PATH) == [f"bytes={HALF}-", None]
    assert files(tmp_path) == []


def test_nor_are_they_of_one_that_brings_the_rest(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    """And what pip has already is right: it need not begin again."""
    leave(tmp_path, CONTENT, (700_000, 800_000), forged=True)
    got = fetched(fetch_of(asker, CONTENT[:HALF]), servers[0], HALF)

    assert got == CONTENT[HALF:]
    assert files(tmp_path) == []


@pytest.mark.parametrize("first", [0, HALF], ids=["whole", "rest"])
@pytest.mark.parametrize("forged", [True, False])
def test_a_source_that_is_wrong_by_itself_is_wrong(
    tmp_path: Path, asker: Asker, servers: list[FaultServer], forged: bool, first: int
) -> None:
    """And nothing of it is left to spoil the next run."""
    leave(tmp_path, CONTENT, (0, HALF), forged=forged)
    servers[0].put(PATH, CONTENT[:-1] + b"x")
    with pytest.raises(WrongThere) as caught:
        fetched(fetch_of(asker, CONTENT[:first]), servers[0], first)

    assert caught.value.got == sha256(CONTENT[:-1] + b"x")
    assert files(tmp_path) == []


@pytest.mark.usefixtures("quickly")
def test_half_of_a_wrong_one_is_not_the_next_ones_fault(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    servers[0].put(PATH, bytes(SIZE))
    servers[0].script = [DEAD.when(NAME)]
    fetch = fetch_of(asker)
    with pytest.raises(Unusable):
        fetch.fetch(source_of(f"{servers[0].url}/simple"), 0, True)

    assert fetched(fetch, servers[1]) == CONTENT
    assert files(tmp_path) == []


def test_a_beginning_that_pip_has_and_that_is_wrong_is_found_out(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    leave(tmp_path, CONTENT, (0, HALF))
    with pytest.raises(NotToBlame):
        fetched(fetch_of(asker, bytes(HALF)), servers[0], HALF)

    assert files(tmp_path) == []


@pytest.mark.parametrize("size", [SIZE + 10, SIZE - 10, HALF + 500_000])
def test_a_size_that_only_an_earlier_run_was_told_may_be_wrong(
    tmp_path: Path, asker: Asker, servers: list[FaultServer], size: int
) -> None:
    """By a source that lied and then broke off: others know better."""
    leave(tmp_path, CONTENT, (0, HALF), size=size)
    fetch = fetch_of(asker, sized=False)
    fetch.look(0)

    assert fetch.end == size
    assert fetched(fetch, servers[0]) == CONTENT
    assert files(tmp_path) == []


def test_a_dead_source_costs_nothing_of_what_is_there(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    leave(tmp_path, CONTENT, (0, HALF))
    servers[0].script = [Status(503)]
    failed(asker, servers[0], sized=False)

    assert left(tmp_path, CONTENT) == [(0, HALF)]


def test_a_cut_is_continued_by_the_same_source(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    leave(tmp_path, CONTENT, (0, HALF))
    servers[0].script = [Fin(100_000).when(NAME, first=2)]

    assert fetched(fetch_of(asker), servers[0]) == CONTENT
    assert servers[0].ranges(PATH) == [f"bytes={HALF + n * 100_000}-" for n in range(3)]


@pytest.mark.usefixtures("quickly")
def test_without_a_state_folder_nothing_is_kept(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    """As with --no-cache-dir."""
    asker.exchange.run.state_dir = None
    servers[0].script = [DEAD.when(NAME)]
    failed(asker, servers[0])

    assert list(tmp_path.iterdir()) == []
    assert fetched(fetch_of(asker), servers[1]) == CONTENT
    assert servers[1].ranges(PATH) == [None]


def test_what_changes_on_the_disk_is_asked_for_again(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    """By pip's Downloader, and it blames nobody."""
    fetch = fetch_of(asker)
    spool = fetch.fetch(source_of(f"{servers[0].url}/simple"), 0, True)
    leave(tmp_path, CONTENT, (1000, 2000), forged=True)
    wrong_bytes: Any = asker.exchange.run.stack.wrong_bytes
    with contextlib.closing(spool), pytest.raises(wrong_bytes) as caught:
        spool.read()

    assert caught.value.spoilt
    assert files(tmp_path) == []


def test_two_digests_that_disagree_are_nobodys_fault(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    leave(tmp_path, CONTENT, (0, HALF))
    lie = Digest("sha512", "ab" * 64, "y")
    verification = Verification([Digest("sha256", sha256(CONTENT), "x"), lie])
    fetch = FileFetch(asker.exchange, asker.elsewhere, ASKED, verification, SIZE)
    with pytest.raises(NotToBlame):
        fetched(fetch, servers[0])

    assert servers[0].ranges(PATH) == [f"bytes={HALF}-"]
    assert files(tmp_path) == []


def test_one_flipped_bit_is_found_before_the_file_is_given_out(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    """What came first is right, what follows is not; alone the source is right again."""
    leave(tmp_path, CONTENT, (0, HALF))
    servers[0].script = [FlippedBit(HALF + 5).when(NAME, first=1)]

    assert fetched(fetch_of(asker), servers[0]) == CONTENT


def test_the_size_that_the_index_names_is_the_one(
    tmp_path: Path, asker: Asker, servers: list[FaultServer]
) -> None:
    """PEP 700: what was left under another size is not taken up."""
    entry = {
        "filename": NAME,
        "url": ORIGIN,
        "hashes": {"sha256": sha256(CONTENT)},
        "size": SIZE,
    }
    page = json.dumps({"meta": {"api-version": "1.1"}, "files": [entry]}).encode()
    where = "https://index.example/simple/demo/"
    asker.exchange.run.pages.passed(Page(where, "application/vnd.pypi.simple.v1+json", page))
    leave(tmp_path, CONTENT, (0, HALF), size=SIZE + 1)
    fetch = fetch_of(asker, sized=False)

    assert fetch.look(0) == 0
    assert fetched(fetch, servers[0]) == CONTENT
    assert files(tmp_path) == []
