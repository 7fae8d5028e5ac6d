"""Does the next pip know what the last one learned of a dead host?

The rule: it does, for as long as it can be true. Inside the cool-down nobody asks the
dead host again; a minute later it is asked first. What is remembered lies below pip's
cache, so `--no-cache-dir` remembers nothing. Nobody waits here for a minute to pass:
what is remembered is made older instead.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.played_pypi import PlayedPyPI, played_pypi
from tests.end_to_end.timing import shortest
from tests.faults import FaultServer, HandshakeSilence, Pause, unavailable
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.environments import Environment

DEAD = [unavailable(3600)]
SILENT = [HandshakeSilence()]
FIRST_COOL_DOWN, LATER_COOL_DOWN = 30.0, 60.0
HEALED = 65.0
"""Seconds after which an index that has healed is the first choice again, at the latest."""


@pytest.fixture
def pypi() -> Iterator[PlayedPyPI]:
    with played_pypi() as played:
        for name in ("demo", "other", "third"):
            played.index.add_wheel(name, "1.0", size=5000)
        played.index.add_sdist("built", "1.0")
        played.index.add_backend()
        yield played


@pytest.fixture
def mirror(pypi: PlayedPyPI) -> Iterator[FaultServer]:
    with FaultServer() as server:
        Index(server).add_all(pypi.index.distributions)
        yield server


def download(
    environment: Environment, pypi: PlayedPyPI, mirror: FaultServer, name: str, *options: str
) -> subprocess.CompletedProcess[str]:
    env = {"PIP_RESILIENT_MIRRORS": f"{mirror.url}/simple/"}
    arguments = ("download", "--no-deps", "--dest", "out", *options, name)
    return pypi.pip(environment, *arguments, by_options=False, env=env)


def memory_of(environment: Environment) -> Path:
    return environment.pip_cache / "pip-resilient" / "hosts"


def grow_older(environment: Environment, seconds: float) -> None:
    """Let what is remembered of hosts be so many seconds older."""
    for path in memory_of(environment).glob("*.json"):
        record = json.loads(path.read_text("ascii"))
        for name in ("failed_at", "opened_at", "probe_at", "wrong_at"):
            if record[name] is not None:
                record[name] -= seconds
        path.write_text(json.dumps(record), encoding="ascii")


def test_the_next_run_does_not_ask_the_dead_index(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer
) -> None:
    began = time.monotonic()
    alive = download(oldest_and_newest.with_fresh_home(), pypi, mirror, "other")
    bound = time.monotonic() - began + 1.0
    pypi.pages.script = SILENT
    assert alive.returncode == 0, alive.stderr

    def once() -> float:
        fresh = oldest_and_newest.with_fresh_home()
        first = download(fresh, pypi, mirror, "demo")
        asked = pypi.pages.connections
        began = time.monotonic()
        second = download(fresh, pypi, mirror, "other")
        took = time.monotonic() - began

        assert first.returncode == second.returncode == 0, second.stderr
        assert pypi.pages.connections == asked
        assert "out of order a moment ago" in our_lines(second.stderr)[0]
        return took

    assert shortest(once, bound) <= bound


def test_a_pip_beside_it_does_not_either(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer
) -> None:
    """CI jobs and IDEs start several at once."""
    go_on = threading.Event()
    pypi.pages.script = DEAD
    mirror.script = [Pause(after=1000, until=go_on).when("demo*.whl")]
    results = []
    running = threading.Thread(
        target=lambda: results.append(download(oldest_and_newest, pypi, mirror, "demo"))
    )
    running.start()
    try:
        mirror.wait_until(lambda log: any(seen.path.endswith(".whl") for seen in log.log), 30)
        asked = len(pypi.pages.log)
        beside = download(oldest_and_newest, pypi, mirror, "other")
        asked_by_it = len(pypi.pages.log) - asked
    finally:
        go_on.set()
        running.join()

    assert beside.returncode == results[0].returncode == 0, beside.stderr + results[0].stderr
    assert asked_by_it == 0


def test_a_build_child_does_not_either(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer
) -> None:
    """Each build starts a pip of its own, and each would wait for itself."""
    pypi.pages.script = DEAD
    done = download(oldest_and_newest, pypi, mirror, "built")

    assert done.returncode == 0, done.stderr
    assert [seen.status for seen in mirror.requests("/simple/tinybackend/")] == [200]
    assert [seen.path for seen in pypi.pages.log] == ["/simple/built/"]


def test_without_pips_cache_nothing_is_remembered_and_nothing_written(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer
) -> None:
    pypi.pages.script = DEAD
    first = download(oldest_and_newest, pypi, mirror, "demo", "--no-cache-dir")
    asked = len(pypi.pages.log)
    second = download(oldest_and_newest, pypi, mirror, "built", "--no-cache-dir")
    left = [path for path in oldest_and_newest.home.rglob("*") if "resilient" in path.name]

    assert first.returncode == second.returncode == 0, second.stderr
    assert len(pypi.pages.log) > asked
    assert left == []
    assert not oldest_and_newest.pip_cache.exists()


@pytest.mark.parametrize("dead", ["pages", "files"])
def test_what_pips_cache_holds_is_asked_of_nobody(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, dead: str
) -> None:
    """A host that is out of order is no reason to fetch once more what is here."""
    host = getattr(pypi, dead)
    healthy = download(oldest_and_newest, pypi, mirror, "demo")
    shutil.rmtree(oldest_and_newest.work / "out")
    host.script = DEAD
    opens = download(oldest_and_newest, pypi, mirror, "other")
    asked, asked_mirror = len(host.log), len(mirror.log)
    done = download(oldest_and_newest, pypi, mirror, "demo")
    files = [seen.path for seen in mirror.log[asked_mirror:] if seen.path.endswith(".whl")]

    assert healthy.returncode == opens.returncode == done.returncode == 0, done.stderr
    assert asked_mirror > 0
    assert files == []
    assert len(host.log) == asked
    assert dead == "pages" or our_lines(done.stderr) == []


def test_a_file_from_pips_cache_says_nothing_of_its_host(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer
) -> None:
    """The host has not answered: what is known of it stays as it was."""
    download(oldest_and_newest, pypi, mirror, "demo")
    pypi.files.script = DEAD
    download(oldest_and_newest, pypi, mirror, "other")
    known = sorted(path.read_text("ascii") for path in memory_of(oldest_and_newest).glob("*"))
    shutil.rmtree(oldest_and_newest.work / "out")
    done = download(oldest_and_newest, pypi, mirror, "demo")
    after = sorted(path.read_text("ascii") for path in memory_of(oldest_and_newest).glob("*"))

    assert done.returncode == 0, done.stderr
    assert known != []
    assert after == known


def test_a_healed_index_is_the_first_choice_again(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer
) -> None:
    """At the latest: it has failed before, and its later cool-downs are the longer ones."""
    pypi.pages.script = DEAD
    download(oldest_and_newest, pypi, mirror, "demo")
    asked = [len(pypi.pages.log)]
    for older in (FIRST_COOL_DOWN + 1, LATER_COOL_DOWN - 20):
        grow_older(oldest_and_newest, older)
        still = download(oldest_and_newest, pypi, mirror, "other")
        assert still.returncode == 0, still.stderr
        asked.append(len(pypi.pages.log))
    pypi.pages.script = []
    before = len(mirror.log)
    grow_older(oldest_and_newest, HEALED - (LATER_COOL_DOWN - 20))
    done = download(oldest_and_newest, pypi, mirror, "third")

    assert asked[1] - asked[0] == 1, "one probe"
    assert asked[2] == asked[1], "the second cool-down is longer"
    assert done.returncode == 0, done.stderr
    assert our_lines(done.stderr) == []
    assert [seen.path for seen in pypi.pages.log[asked[2] :]] == ["/simple/third/"]
    assert len(mirror.log) == before
    assert list(memory_of(oldest_and_newest).glob("*.json")) == [], "a healthy host has none"
