"""Does a real pip finish, with the right bytes, through what bad networks do?

The rule: each test runs stock pips and asserts on what a user would notice:
the bytes, how many of them crossed the network, the exit code, what the
servers saw. All pips of the matrix, since every one of them fails differently.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.played_pypi import PlayedPyPI, played_pypi
from tests.faults import (
    DropEvery,
    Fault,
    Fin,
    FlippedBit,
    RangeIgnored,
    Reset,
    Silence,
    Status,
    WrongOffset,
    all_but_each,
    captive_portal,
)
from tests.packages import PageForm

if TYPE_CHECKING:
    import subprocess

    from tests.end_to_end.environments import Environment
    from tests.packages import Distribution

MB = 1_000_000


def download(
    environment: Environment, pypi: PlayedPyPI, *names: str, armed: bool = True
) -> subprocess.CompletedProcess[str]:
    """Let pip download, with its cache, into `out`."""
    return pypi.pip(environment, "download", "--no-deps", "--dest", "out", *names, armed=armed)


def downloaded(environment: Environment, distribution: Distribution) -> bytes:
    return (environment.work / "out" / distribution.filename).read_bytes()


@pytest.mark.parametrize(
    "fault",
    [
        Reset(after=MB),
        Fin(after=MB),
        Fin(after=MB, close_notify=False),
        Silence(after=MB),
        FlippedBit(MB),
    ],
    ids=["reset", "close-notify", "no-close-notify", "silence", "flipped-bit"],
)
def test_a_fault_in_a_wheel_heals_and_the_cache_holds_the_whole_of_it(
    environment: Environment, pypi: PlayedPyPI, fault: Fault
) -> None:
    """Stock pips end such downloads with a traceback or a hash mismatch, or fetch again."""
    held = pypi.index.add_wheel("demo", "1.0", size=2 * MB)
    pypi.files.script = [fault.when("*.whl", method="GET", first=1)]
    first = download(environment, pypi, "demo")
    right = downloaded(environment, held) == held.content
    asked = len(pypi.files.requests(held.path))
    (environment.work / "out" / held.filename).unlink()
    pypi.files.script = [Status(500)]
    second = download(environment, pypi, "demo", armed=False)

    assert first.returncode == 0, first.stderr
    assert right
    assert asked == 2
    assert second.returncode == 0, second.stderr
    assert downloaded(environment, held) == held.content
    assert len(pypi.files.requests(held.path)) == asked, "plain pip found it in its cache"


def test_a_short_login_page_in_place_of_a_wheel_is_asked_away(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    """All of it comes at once; its hash says less than its first byte."""
    held = pypi.index.add_wheel("demo", "1.0", size=20_000)
    pypi.files.script = [captive_portal().when("*.whl", first=3)]
    done = download(oldest_and_newest, pypi, "demo")
    lines = " ".join(our_lines(done.stderr))

    assert done.returncode == 0, done.stderr
    assert downloaded(oldest_and_newest, held) == held.content
    assert lines.count("a login page answered instead") == 3
    assert "standing aside" not in done.stderr
    assert "hash" not in lines


@pytest.mark.parametrize("every", [1_500_000, 400_000])
def test_a_link_that_keeps_dropping_costs_hardly_a_byte_more(
    oldest_and_newest: Environment, pypi: PlayedPyPI, every: int
) -> None:
    """pip ≥ 25.2 gives up after five drops, however far it came; older ones after one."""
    held = pypi.index.add_wheel("demo", "1.0", size=20 * MB)
    pypi.files.script = [DropEvery(every).when("*.whl")]
    done = download(oldest_and_newest, pypi, "demo")

    assert done.returncode == 0, done.stderr
    assert downloaded(oldest_and_newest, held) == held.content
    assert pypi.files.bytes_sent(held.path) <= 1.05 * len(held.content)
    assert "healed" in our_lines(done.stderr)[-1]


@pytest.mark.parametrize(
    "answers",
    [RangeIgnored(), WrongOffset(-1000), WrongOffset(-1000, honest=False)],
    ids=["range-ignored", "wrong-offset", "wrong-offset-that-lies"],
)
def test_a_wrong_answer_to_a_range_never_gets_into_the_file(
    environment: Environment, pypi: PlayedPyPI, answers: Fault
) -> None:
    """pip 25.2 to 26.1 joined whatever came."""
    held = pypi.index.add_wheel("demo", "1.0", size=2 * MB)
    pypi.files.script = [
        Reset(after=MB).when("*.whl", first=1),
        answers.when("*.whl", ranged=True),
    ]
    done = download(environment, pypi, "demo")

    assert done.returncode == 0, done.stderr
    assert downloaded(environment, held) == held.content


@pytest.mark.parametrize("fault", [Fin(after=300), Reset(after=300)], ids=["fin", "reset"])
@pytest.mark.parametrize(
    "form",
    [PageForm(), PageForm(gzip=True), PageForm(chunked=True), PageForm(gzip=True, chunked=True)],
    ids=["plain", "gzip", "chunked", "gzip-chunked"],
)
def test_a_cut_index_page_never_yields_a_shorter_list(
    environment: Environment, form: PageForm, fault: Fault
) -> None:
    """pip ≤ 26.0 took the versions before the cut for all there are, and said nothing."""
    with played_pypi(form) as pypi:
        for minor in range(30):
            held = pypi.index.add_wheel("demo", f"1.{minor}")
        pypi.pages.script = [fault.when("/simple/*", first=2)]
        done = download(environment, pypi, "demo")

        assert done.returncode == 0, done.stderr
        assert downloaded(environment, held) == held.content
        assert len(pypi.pages.requests("/simple/demo/")) == 3


@pytest.mark.parametrize("after", [20, 140, 190])
def test_a_page_cut_within_its_headers_is_no_empty_page(
    oldest_and_newest: Environment, pypi: PlayedPyPI, after: int
) -> None:
    """http.client takes that for the end of the headers: no length, so no bytes is all."""
    held = pypi.index.add_wheel("demo", "1.0")
    pypi.pages.script = [Fin(after, part="headers").when("/simple/*", first=2)]
    done = download(oldest_and_newest, pypi, "demo")

    assert done.returncode == 0, done.stderr
    assert downloaded(oldest_and_newest, held) == held.content
    assert "Traceback" not in done.stderr
    assert len(pypi.pages.requests("/simple/demo/")) == 3


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_page_longer_than_the_link_lives_gets_through(
    oldest_and_newest: Environment, chunked: bool
) -> None:
    """Stock pips never get past the cut, or (up to 26.0) see none of the versions behind it."""
    form = PageForm(gzip=True, chunked=chunked, ranges=True, ballast=400_000)
    with played_pypi(form) as pypi:
        held = pypi.index.add_wheel("demo", "1.0")
        page = pypi.index.page_path("demo")
        clean = download(oldest_and_newest, pypi, "demo", armed=False)
        size = pypi.pages.bytes_sent(page)
        pypi.pages.script = [DropEvery(60_000)]
        fresh = oldest_and_newest.with_fresh_home()
        done = download(fresh, pypi, "demo")
        spent = pypi.pages.bytes_sent(page) - size

    assert clean.returncode == done.returncode == 0, done.stderr
    assert downloaded(fresh, held) == held.content
    assert 400_000 <= size <= spent <= 1.1 * size
    assert "healed" in our_lines(done.stderr)[-1]


def test_a_page_without_a_strong_etag_is_never_put_together(
    oldest_and_newest: Environment,
) -> None:
    """Nothing would say that its parts are those of one page."""
    form = PageForm(gzip=True, etag=False, ranges=True, ballast=100_000)
    with played_pypi(form) as pypi:
        held = pypi.index.add_wheel("demo", "1.0")
        page = pypi.index.page_path("demo")
        pypi.pages.script = [Reset(after=60_000).when(page, first=2)]
        done = download(oldest_and_newest, pypi, "demo")

        assert done.returncode == 0, done.stderr
        assert downloaded(oldest_and_newest, held) == held.content
        assert pypi.pages.ranges(page) == [None, None, None]


def test_a_bad_node_that_answers_502_is_left_for_another_connection(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    """Stock pip retries down the same kept-alive connection, so no retry count helps."""
    names = [f"demo{number}" for number in range(20)]
    for name in names:
        pypi.index.add_wheel(name, "1.0", size=20_000)
    began = time.monotonic()
    clean = download(oldest_and_newest, pypi, *names)
    took = time.monotonic() - began
    bad = Status(502).when(connections=all_but_each(3))
    pypi.pages.script = pypi.files.script = [bad]
    pages, files = pypi.pages.connections, pypi.files.connections
    again = oldest_and_newest.with_fresh_home()
    began = time.monotonic()
    done = download(again, pypi, *names)
    lost = time.monotonic() - began - took

    assert clean.returncode == 0
    assert done.returncode == 0, done.stderr
    assert len(list((again.work / "out").iterdir())) == len(names)
    assert pypi.pages.connections - pages <= 4
    assert pypi.files.connections - files <= 4
    assert lost <= len(names) * 1.0
