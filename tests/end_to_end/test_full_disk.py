"""Is a full disk told as what it is, when a mirror's file waits there to be verified?

The rule: it is nobody's fault but this machine's. The file ends cleanly, no mirror
pays for it, and none is asked for bytes that would not fit either. What plays the
full disk is the largest size of a file that this process may write (setrlimit).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.faults import FaultServer, Reset, Status
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.end_to_end.environments import Environment
    from tests.end_to_end.played_pypi import PlayedPyPI
    from tests.packages import Distribution

SIZE = 12_000_000
ROOM = 'ulimit -f 10000; exec "$@"'  # in units of 512 bytes (POSIX), or of 1024
DEAD = Status(503)


@pytest.fixture
def held(pypi: PlayedPyPI) -> Distribution:
    return pypi.index.add_wheel("demo", "1.0", size=SIZE)


@pytest.fixture
def mirrors(pypi: PlayedPyPI, held: Distribution) -> Iterator[list[FaultServer]]:
    with FaultServer() as first, FaultServer() as second:
        for server in (first, second):
            Index(server).add_all(pypi.index.distributions)
        yield [first, second]


def download(
    environment: Environment, pypi: PlayedPyPI, mirrors: list[FaultServer], *before: str
) -> subprocess.CompletedProcess[str]:
    said = " ".join(f"files:{server.url}/simple/" for server in mirrors)
    env = {
        **pypi.environ(environment),
        "PIP_RESILIENT_MIRRORS": said,
        "PIP_RESILIENT_PATIENCE": "5",
        "PIP_NO_CACHE_DIR": "1",
    }
    command = ("-m", "pip", "download", "--no-deps", "--dest", "out", "demo")
    executable = str(environment.executable)
    return environment.run(*before, executable, *command, armed=True, env=env)


@pytest.mark.parametrize("dies", ["at-once", "in-the-middle"])
def test_a_disk_without_room_ends_the_file_and_is_no_mirrors_fault(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    held: Distribution,
    mirrors: list[FaultServer],
    dies: str,
) -> None:
    first = [] if dies == "at-once" else [Reset(1000).when("*.whl", first=1)]
    pypi.files.script = [*first, DEAD]
    done = download(oldest_and_newest, pypi, mirrors, "sh", "-c", ROOM, "sh")
    lines = " ".join(our_lines(done.stderr))
    left = list((oldest_and_newest.work / "out").glob("*"))
    asked = [len(server.requests(held.path)) for server in mirrors]

    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "no space left on disk" in done.stderr.replace(lines, ""), "pip's own last line"
    assert "no space left on disk" in lines
    assert str(oldest_and_newest.home / "tmp") in lines
    assert "this was a network failure" not in lines
    assert "TMPDIR" in lines
    assert "has not got it" not in lines
    assert "not asked again" not in lines
    assert asked == [1, 0]
    assert left == []
