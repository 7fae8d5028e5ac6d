"""How does a test let a real pip fetch `demo`, and how does it see that a fault was healed?

The rule: one project, one file that is too large for one piece, one cut in the
middle of it. What differs from test to test is the option or the place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, environment_of, our_lines
from tests.end_to_end.interpreters import PIPS, cell_of
from tests.end_to_end.namespaces import refusal
from tests.faults import DropEvery, Reset

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from tests.faults import FaultServer, Scripted
    from tests.packages import Distribution

OLDEST, NEWEST = PIPS[0][0], PIPS[-1][0]
SIZE = 600_000
HALF = SIZE // 2
CUT: Scripted = Reset(after=HALF).when("*.whl", method="GET", first=1)
"""Stock pip up to 26.1 does not survive it."""
DROPS: Scripted = DropEvery(SIZE // 10).when("*/demo-*.whl", method="GET")
"""No stock pip does: 26.3 gives up after six attempts."""
CUT_PAGE: Scripted = Reset(after=100).when("/simple/demo/", method="GET", first=1)
"""Stock pip finds no version then."""
BACKEND_CUT: Scripted = Reset(after=HALF).when("*/tinybackend*.whl", method="GET", first=1)
"""The same for what an isolated build needs, whose pip nobody sees."""
BACKEND_LOST: Scripted = Reset(after=100).when("/simple/tinybackend/", first=1)


def of_pip(version: str, *, plugin: bool = True) -> Environment:
    """Return a fresh home with that pip, or skip."""
    cell = cell_of(version)
    if cell.interpreter is None:
        pytest.skip(cell.absence)
    return environment_of(cell, plugin=plugin).with_fresh_home()


def or_skip(before: tuple[str, ...]) -> tuple[str, ...]:
    """Return what stands before a command (see `namespaces`), or skip and say why."""
    if refused := refusal(before):
        pytest.skip(refused)
    return before


def is_older(environment: Environment, *version: int) -> bool:
    """Tell whether an environment's pip is older than this version."""
    return tuple(map(int, environment.pip_version.split("."))) < version


def fetch(
    environment: Environment,
    index_url: str,
    *options: str,
    name: str = "demo",
    armed: bool = True,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Let pip download one project into `out`; what it has there is in `fetched`."""
    common = ("download", "--no-deps", "--dest", "out", "--index-url", index_url)
    return environment.pip(*common, *options, name, armed=armed, env=env)


def fetched(environment: Environment, distribution: Distribution) -> bytes:
    """Return the bytes that `fetch` has brought."""
    return (environment.work / "out" / distribution.filename).read_bytes()


def assert_healed(
    done: subprocess.CompletedProcess[str], environment: Environment, distribution: Distribution
) -> None:
    """See that pip was content, that the bytes are right, and that we told what we did."""
    assert done.returncode == 0, done.stderr
    assert fetched(environment, distribution) == distribution.content
    assert "healed" in last_line(done)
    assert our_lines(done.stdout) == []


def assert_resumed(server: FaultServer, distribution: Distribution) -> None:
    """See that the file came in two pieces, the second one from where the first ended."""
    first, second = server.ranges(distribution.path)

    assert first is None
    assert second is not None
    assert second.startswith("bytes=")
    assert server.bytes_sent(distribution.path) < 1.2 * len(distribution.content)


def assert_in_pieces(server: FaultServer, distribution: Distribution, least: int = 8) -> None:
    """See that the file came in at least so many pieces, and hardly a byte of it twice."""
    first, *later = server.ranges(distribution.path)

    assert first is None
    assert len(later) >= least - 1
    assert all(one and one.startswith("bytes=") for one in later)
    assert server.bytes_sent(distribution.path) < 1.2 * len(distribution.content)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line on stderr; empty if there is none."""
    return (done.stderr.splitlines() or [""])[-1]
