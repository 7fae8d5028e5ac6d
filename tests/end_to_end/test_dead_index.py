"""What does a dead index cost where the user has named a mirror?

The rule: a few seconds a run, whatever the number of packages and however the index
is dead. It is found out once, by a handful of connections, and not for each package.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from pip._internal.models.index import PyPI

from tests.end_to_end.environments import our_lines
from tests.end_to_end.name_server import NO_ANSWER, NO_SUCH_NAME, leading
from tests.end_to_end.played_pypi import PlayedPyPI, played_pypi
from tests.faults import (
    FaultServer,
    HandshakeEof,
    HandshakeSilence,
    Status,
    captive_portal,
    refused_port,
    swallowing_port,
    unavailable,
)
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.end_to_end.environments import Environment
    from tests.faults import Fault

SERVED: dict[str, Fault] = {
    "tls-eof": HandshakeEof(),
    "tls-silence": HandshakeSilence(),
    "503": Status(503),
    "503-for-an-hour": unavailable(3600),
    "captive-portal": captive_portal(),
}
LED: dict[str, str | None] = {
    "refused": None,
    "black-hole": None,
    "no-such-name": NO_SUCH_NAME,
    "no-resolver": NO_ANSWER,
}
SILENT = ("black-hole", "tls-silence")
MANY, FEW = 50, 5


@dataclass(frozen=True)
class Timed:
    """A run of pip, and how many seconds it took."""

    done: subprocess.CompletedProcess[str]
    seconds: float


@pytest.fixture
def pypi() -> Iterator[PlayedPyPI]:
    with played_pypi() as played:
        for number in range(MANY):
            played.index.add_wheel(f"demo{number}", "1.0", size=2000)
        yield played


@pytest.fixture
def mirror_server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def mirror(pypi: PlayedPyPI, mirror_server: FaultServer) -> Index:
    index = Index(mirror_server)
    index.add_all(pypi.index.distributions)
    return index


@pytest.fixture(scope="module")
def alive() -> dict[tuple[str, int], Timed]:
    """Keep the runs with the index alive: one for each pip and number of packages."""
    return {}


def run(
    environment: Environment, pypi: PlayedPyPI, mirror: Index, names: dict[str, int | str], n: int
) -> Timed:
    """Let pip download so many packages, with no proxy in the way, and a mirror named."""
    env = {
        **pypi.environ(environment),
        **leading(environment, names),
        "HTTPS_PROXY": "",
        "PIP_RESILIENT_MIRRORS": mirror.url,
        "PIP_RESILIENT_LOG": str(environment.home / "events"),
    }
    wanted = [f"demo{number}" for number in range(n)]
    began = time.monotonic()
    done = environment.pip("download", "--no-deps", "--dest", "out", *wanted, env=env)
    return Timed(done, time.monotonic() - began)


@contextlib.contextmanager
def dead(how: str, pypi: PlayedPyPI) -> Iterator[int | str]:
    """Make the index dead, and say where its name leads then."""
    if how in SERVED:
        pypi.pages.script = [SERVED[how]]
        yield pypi.pages.port
    elif how == "refused":
        with refused_port() as port:
            yield port
    elif how == "black-hole":
        with swallowing_port() as port:
            if port is None:
                pytest.skip("here a full backlog refuses connections")
            yield port
    else:
        yield str(LED[how])


@pytest.mark.parametrize("how", [*LED, *SERVED])
def test_a_dead_index_costs_seconds_in_all_and_not_for_each_package(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    mirror: Index,
    mirror_server: FaultServer,
    alive: dict[tuple[str, int], Timed],
    how: str,
) -> None:
    """Stock pip gives up, or waits a minute for each package."""
    odd = [*LED, *SERVED].index(how) % 2 == 1
    n = MANY if odd == oldest_and_newest.pip_version.startswith("20.") else FEW
    names: dict[str, int | str] = {
        PyPI.netloc: pypi.pages.port,
        PyPI.file_storage_domain: pypi.files.port,
    }
    key = oldest_and_newest.id, n
    if key not in alive:
        alive[key] = run(oldest_and_newest.with_fresh_home(), pypi, mirror, names, n)
        assert alive[key].done.returncode == 0, alive[key].done.stderr
        assert our_lines(alive[key].done.stderr) == []
        assert mirror_server.log == [], "nobody asks a mirror while the index is alive"
    asked = pypi.pages.connections
    with dead(how, pypi) as where:
        died = run(oldest_and_newest, pypi, mirror, {**names, PyPI.netloc: where}, n)
    usual = alive[key].seconds
    # A machine on which pip takes longer takes as much longer for what a dead index adds.
    added, bearable = died.seconds - usual, usual + (15 if how in SILENT else 5)

    assert died.done.returncode == 0, died.done.stderr
    assert len(list((oldest_and_newest.work / "out").iterdir())) == n
    assert pypi.pages.connections - asked <= 3
    assert 1 <= attempts(oldest_and_newest) <= 3
    assert added <= bearable, died.done.stderr
    assert 2 <= len(our_lines(died.done.stderr)) <= 6


def attempts(environment: Environment) -> int:
    """Count what was tried at the index itself: it is what failures are told of."""
    lines = (environment.home / "events").read_text("ascii").splitlines()
    return sum(bool(json.loads(line).get("failure")) for line in lines)
