"""What does a server cost that is out to harm, in time and in memory?

The rule: real sockets, bytes that no HTTP library has written, real pips. A mirror
costs its turn and no more, whatever it sends: the one good one behind all the others
serves, and the memory is that of a page and not that of what was sent. Pip's own index
is believed as far as pip believes it, and still ends in a last line that says why.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import is_older
from tests.faults import FaultServer
from tests.index_pages import html_page
from tests.packages import Index
from tests.servers import malicious
from tests.servers.malicious import HARMS, MaliciousServer

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from tests.end_to_end.environments import Environment
    from tests.packages import Distribution

SIZE = 1_500_000
MIB = 1 << 20
PLAIN = 60
"""Mebibytes that a pip takes in any case, and a little more."""
LONGEST = 60.0

EVERY_MIRROR = (
    *("endless-chunks", "chunk-extensions", "endless-extension", "endless-trailer"),
    *("endless-fields", "endless-field", "endless-status", "endless-redirects"),
    *("to-itself", "to-the-other", "long-location", "part-unasked", "byteranges"),
    *("unequal-lengths", "two-lengths", "huge-length", "endless-page"),
)
FOR_PAGES = ("gzip-bomb", "bomb-in-a-bomb")
"""A file is not asked for packed."""


class Run(NamedTuple):
    """What pip did.

    Attributes:
        seconds: How long it took.
        peak: Mebibytes of memory that it had at most; 0 where the system does not say.
    """

    code: int
    out: str
    err: str
    seconds: float
    peak: int

    @property
    def last_line(self) -> str:
        return (self.err.splitlines() or [""])[-1]


def _peak(process: subprocess.Popen[bytes]) -> int:
    try:
        with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as file:
            told = next((line for line in file if line.startswith("VmHWM")), "")
    except OSError:
        return 0
    return int(told.split()[1]) // 1024 if told else 0


def download(environment: Environment, index_url: str, env: Mapping[str, str]) -> Run:
    """Let the armed pip download `demo`, and look at its memory all the while."""
    told: list[tuple[bytes, bytes]] = []
    command = ("python", "-m", "pip", "download", "--no-deps", "-d", "out", "-i", index_url, "demo")
    began, peak = time.monotonic(), 0
    with environment.started(*command, env=env) as process:
        reader = threading.Thread(target=lambda: told.append(process.communicate()))
        reader.start()
        while reader.is_alive():
            peak = max(peak, _peak(process))
            assert time.monotonic() - began < LONGEST, "it has no end"
            reader.join(0.02)
    out, err = (data.decode("utf-8", "backslashreplace") for data in told[0])
    assert "standing aside" not in err, err
    return Run(process.returncode, out, err, time.monotonic() - began, peak)


def brought(environment: Environment) -> dict[str, bytes]:
    folder = environment.work / "out"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def assert_nothing_lies_elsewhere(environment: Environment, name: str) -> None:
    """See that only `out` and pip's cache have got anything, and that no name leads away."""
    home = environment.home
    allowed = (environment.work / "out", environment.pip_cache)
    files = [path for path in home.rglob("*") if path.is_file() and ".rustup" not in path.parts]
    # pip's User-Agent asks rustc for its version, and that may make itself a folder.
    assert [path for path in files if not any(one in path.parents for one in allowed)] == []
    assert set(brought(environment)) <= {name}


@contextlib.contextmanager
def malicious_server(harm: str, what: str, held: Distribution) -> Iterator[MaliciousServer]:
    """Lend a server that has the file and its page, and does harm where it is asked for one."""
    where = "/demo/" if what == "page" else ".whl"
    with MaliciousServer(HARMS[harm], where) as server:
        mine = dataclasses.replace(held, url=server.url + held.path)
        server.resources = {"/simple/demo/": html_page("demo", [mine]), held.path: held.content}
        server.other = server.url
        yield server


@pytest.mark.parametrize("what", ["page", "file"])
def test_one_good_mirror_is_found_behind_all_that_do_harm(
    oldest_and_newest: Environment, what: str
) -> None:
    """They are asked in order, each in its turn; none of them has a second one."""
    with contextlib.ExitStack() as stack:
        pages, files, good = (stack.enter_context(FaultServer()) for _ in range(3))
        index = Index(pages, files)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        mirror = Index(good)
        mirror.add_all(index.distributions)
        harms = (*EVERY_MIRROR, *FOR_PAGES) if what == "page" else EVERY_MIRROR
        if what == "file" and is_older(oldest_and_newest, 22, 2):
            # Its pages say no size: then four gigabytes have to come before it is too much.
            harms = tuple(one for one in harms if one not in ("endless-page", "endless-chunks"))
        evil = [stack.enter_context(malicious_server(one, what, held)) for one in harms]
        for one, other in zip(evil, [*evil[1:], evil[0]]):
            one.other = other.url
        mirrors = [
            f"{index.url}={one}" for one in (*(f"{e.url}/simple/" for e in evil), mirror.url)
        ]
        (pages if what == "page" else files).pause_listening()
        done = download(
            oldest_and_newest,
            index.url,
            {"PIP_RESILIENT_MIRRORS": " ".join(mirrors), "PIP_RESILIENT_PATIENCE": "5"},
        )

        assert done.code == 0, done.err
        assert brought(oldest_and_newest) == {held.filename: held.content}
        assert [name for name, one in zip(harms, evil) if not one.asked] == []
        assert max(len(one.asked) for one in evil) < 20
        assert done.peak < PLAIN + 3 * 64
        assert_nothing_lies_elsewhere(oldest_and_newest, held.filename)


OWN = {
    "endless-page": "larger than any index page (over 256 MiB)",
    "gzip-bomb": "larger than any index page (over 256 MiB)",
    "chunk-extensions": "answer is not readable HTTP",
    "endless-trailer": "answer is not readable HTTP",
    "continue-for-ever": "no answer",
    "slow-fields": "no answer",
    "endless-fields": "answer is not readable HTTP",
    "unequal-lengths": "the request could not be made",
}


@pytest.mark.parametrize("harm", OWN)
def test_the_page_of_pips_own_index_has_an_end_that_is_said(newest: Environment, harm: str) -> None:
    """Stock pip reads the first two until the memory is full, and never comes back from others."""
    _assert_it_ends(newest, harm)


@pytest.mark.parametrize("harm", ["gzip-bomb", "continue-for-ever"])
def test_in_the_oldest_pip_too(oldest: Environment, harm: str) -> None:
    """Its urllib3 unpacks whatever has come at once."""
    _assert_it_ends(oldest, harm)


def _assert_it_ends(environment: Environment, harm: str) -> None:
    with contextlib.ExitStack() as stack:
        pages = stack.enter_context(FaultServer())
        held = Index(pages).add_wheel("demo", "1.0", size=1000)
        server = stack.enter_context(malicious_server(harm, "page", held))
        server.tick = 0.2
        env = {"PIP_RESILIENT_PATIENCE": "1"}
        if OWN[harm] == "no answer":
            env["PIP_RESILIENT_READ_TIMEOUT"] = "1"
        done = download(environment, f"{server.url}/simple/", env)

    assert done.code != 0
    assert OWN[harm] in done.last_line, done.err
    assert "pip-resilient: this was a network failure, not a missing package" in done.last_line
    assert done.peak < PLAIN + 320
    assert done.seconds < 30
    assert our_lines(done.out) == []
    assert_nothing_lies_elsewhere(environment, held.filename)


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        ("garbage-behind", "page"),
        ("garbage-behind", "file"),
        ("equal-lengths", "file"),
        ("length-and-chunks", "file"),
    ],
)
def test_what_is_right_after_all_is_taken(newest: Environment, harm: str, what: str) -> None:
    """RFC 9112 says where such answers end; what stands behind that end is nobody's."""
    with contextlib.ExitStack() as stack:
        pages = stack.enter_context(FaultServer())
        held = Index(pages, core_metadata=False).add_wheel("demo", "1.0", size=SIZE)
        server = stack.enter_context(malicious_server(harm, what, held))
        done = download(newest, f"{server.url}/simple/", {"PIP_RESILIENT_PATIENCE": "10"})

    assert done.code == 0, done.err
    assert brought(newest) == {held.filename: held.content}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory it was")
def test_the_memory_is_looked_at(newest: Environment) -> None:
    """Else every test above would pass."""
    with FaultServer() as pages:
        index = Index(pages)
        index.add_wheel("demo", "1.0", size=1000)

        assert 10 < download(newest, index.url, {}).peak < PLAIN


def test_the_harms_are_meant() -> None:
    """A bomb that is none would be survived by everybody."""
    size = len(b"".join(malicious._bomb()))

    assert size < 12 * MIB
    assert {*EVERY_MIRROR, *FOR_PAGES, *OWN} <= set(HARMS)
