"""Does a killed download go on where it stopped, and only with the right bytes?

The rule: a real pip is killed while a throttled file host still sends, or a mirror
in its place, then run again. What counts is what had to be sent the second time. The
moment is read off what the killed pip has kept: what a server has sent may lie in the
system's buffers for seconds on a busy machine.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from pip_resilient.store.folder import Folder
from pip_resilient.store.notes import Note, append
from pip_resilient.store.partials import Partials
from tests.end_to_end.environments import our_lines
from tests.faults import FaultServer, RangeIgnored, Reset, Status, Throttle

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.end_to_end.played_pypi import PlayedPyPI
    from tests.packages import Distribution

SIZE = 8_000_000
RATE = 2_000_000
DEAD = Status(503)
QUARANTINE = "serves something wrong"
DOWNLOAD = ("download", "--no-deps", "--dest", "out", "demo")


@pytest.fixture
def held(pypi: PlayedPyPI) -> Distribution:
    return pypi.index.add_wheel("demo", "1.0", size=SIZE)


def kill_at(
    share: float,
    environment: Environment,
    pypi: PlayedPyPI,
    held: Distribution,
    *options: str,
    **env: str,
) -> int:
    """Kill a pip once it has so much of the file, and return how many requests there were.

    With `--no-cache-dir` it keeps nothing: then once so much of it was sent.
    """
    pypi.files.script = [Throttle(RATE).when("*.whl")]
    command = ("python", "-m", "pip", *DOWNLOAD, *options)
    with environment.started(*command, env={**pypi.environ(environment), **env}):
        pypi.files.wait_until(
            lambda server: has_come(server, environment, held, *options) >= share, timeout=60
        )
    pypi.files.script = []
    return len(pypi.files.requests(held.path))


def has_come(
    server: FaultServer, environment: Environment, held: Distribution, *options: str
) -> float:
    """Return which part of a file a running pip has; that is in its notes, if it makes any."""
    if "--no-cache-dir" in options:
        return server.bytes_sent(held.path) / len(held.content)
    notes = folder(environment).glob("*.notes")
    ours = Partials(Folder.open(str(folder(environment))), time.time) if any(notes) else None
    return sum(one.kept for one in ours.held()) / len(held.content) if ours else 0.0


def sent_since(before: int, pypi: PlayedPyPI, held: Distribution) -> int:
    return sum(seen.body_bytes for seen in pypi.files.requests(held.path)[before:])


def again(
    environment: Environment, pypi: PlayedPyPI, *options: str
) -> subprocess.CompletedProcess[str]:
    return pypi.pip(environment, *DOWNLOAD, *options)


def folder(environment: Environment) -> Path:
    return environment.pip_cache / "pip-resilient" / "partials"


def brought(environment: Environment, held: Distribution) -> bytes:
    return (environment.work / "out" / held.filename).read_bytes()


@pytest.mark.parametrize(
    ("share", "at_most", "connections"), [(0.6, 0.45, "1"), (0.9, 0.16, "1"), (0.6, 0.45, "4")]
)
def test_only_what_is_missing_is_fetched(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    held: Distribution,
    share: float,
    at_most: float,
    connections: str,
) -> None:
    """A quarter of a MiB a connection is lost at most, and what was on the way."""
    env = {"PIP_RESILIENT_CONNECTIONS": connections}
    before = kill_at(share, oldest_and_newest, pypi, held, **env)
    assert list(folder(oldest_and_newest).iterdir()) != []
    done = again(oldest_and_newest, pypi)
    sent = sent_since(before, pypi, held)

    assert done.returncode == 0, done.stderr
    assert brought(oldest_and_newest, held) == held.content
    assert sent <= at_most * len(held.content)
    assert any("where an earlier run was interrupted" in line for line in our_lines(done.stderr))
    assert list(folder(oldest_and_newest).iterdir()) == []


def test_the_whole_file_stands_in_pip_s_cache(
    oldest_and_newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    """As if it had come in one piece: a plain pip asks nobody for it."""
    kill_at(0.6, oldest_and_newest, pypi, held)
    again(oldest_and_newest, pypi)
    asked = len(pypi.files.requests(held.path))
    (oldest_and_newest.work / "out" / held.filename).unlink()
    plain = pypi.pip(oldest_and_newest, *DOWNLOAD, armed=False)

    assert plain.returncode == 0, plain.stderr
    assert brought(oldest_and_newest, held) == held.content
    assert len(pypi.files.requests(held.path)) == asked


def test_without_a_cache_nothing_is_kept(
    newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    """--no-cache-dir says so."""
    kill_at(0.6, newest, pypi, held, "--no-cache-dir")

    assert not folder(newest).exists()


def test_a_host_that_knows_no_ranges_sends_it_whole(
    newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    kill_at(0.6, newest, pypi, held)
    pypi.files.script = [RangeIgnored().when("*.whl")]
    done = again(newest, pypi)

    assert done.returncode == 0, done.stderr
    assert brought(newest, held) == held.content


@pytest.mark.parametrize("status", [416, 503])
def test_an_error_for_an_answer_is_asked_again(
    newest: Environment, pypi: PlayedPyPI, held: Distribution, status: int
) -> None:
    """416 is no answer to a request that pip has not made."""
    kill_at(0.6, newest, pypi, held)
    pypi.files.script = [Status(status).when("*.whl", first=1)]
    done = again(newest, pypi)

    assert done.returncode == 0, done.stderr
    assert brought(newest, held) == held.content


def forge(path: Path, at: int, held: Distribution) -> None:
    """Change a byte of what was kept, and its notes with it."""
    data = bytearray(path.read_bytes()[: 3 << 20])
    data[at] ^= 1
    path.write_bytes(data)
    side = path.with_name(path.name + ".notes")
    side.write_bytes(b"")
    note = Note(len(held.content), 0, len(data), hashlib.sha256(data).hexdigest())
    with side.open("ab") as file:
        append(file.fileno(), note)


def kept(environment: Environment) -> Iterator[Path]:
    return (path for path in folder(environment).iterdir() if path.suffix != ".notes")


def test_wrong_bytes_on_disk_are_nobody_s_fault(
    oldest_and_newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    """They are thrown away, and the file is fetched whole from its own host."""
    kill_at(0.6, oldest_and_newest, pypi, held)
    (path,) = kept(oldest_and_newest)
    forge(path, 1000, held)
    done = again(oldest_and_newest, pypi)

    assert done.returncode == 0, done.stderr
    assert brought(oldest_and_newest, held) == held.content
    assert list(folder(oldest_and_newest).iterdir()) == []


def test_a_damaged_end_costs_what_is_damaged(
    newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    """A power cut leaves zeros."""
    before = kill_at(0.9, newest, pypi, held)
    (path,) = kept(newest)
    with path.open("r+b") as file:
        file.seek(4_500_000)
        file.write(bytes(path.stat().st_size - 4_500_000))
    done = again(newest, pypi)

    assert done.returncode == 0, done.stderr
    assert brought(newest, held) == held.content
    assert sent_since(before, pypi, held) <= 0.65 * len(held.content)


# A mirror brings it, or the rest of it.


def with_mirror(mirror: FaultServer) -> dict[str, str]:
    return {"PIP_RESILIENT_MIRRORS": f"files:{mirror.url}/simple/", "PIP_RESILIENT_PATIENCE": "10"}


def kill_while_a_mirror_sends(
    share: float,
    environment: Environment,
    pypi: PlayedPyPI,
    mirror: FaultServer,
    held: Distribution,
    *options: str,
) -> int:
    """Kill a pip once it has so much of the file, and return how many requests a mirror had.

    With `--no-cache-dir` it keeps nothing: then once the mirror has sent so much.
    """
    mirror.script = [Throttle(RATE).when("*.whl")]
    command = ("python", "-m", "pip", *DOWNLOAD, *options)
    env = {**pypi.environ(environment), **with_mirror(mirror)}
    with environment.started(*command, env=env):
        mirror.wait_until(
            lambda server: has_come(server, environment, held, *options) >= share, timeout=60
        )
    mirror.script = []
    return len(mirror.requests(held.path))


def with_mirror_again(
    environment: Environment, pypi: PlayedPyPI, mirror: FaultServer, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run pip again; hosts that failed are not remembered."""
    shutil.rmtree(environment.pip_cache / "pip-resilient" / "hosts", ignore_errors=True)
    env = with_mirror(mirror)
    return pypi.pip(environment, *DOWNLOAD, *options, by_options=False, env=env)


def sent_by(mirror: FaultServer, before: int, held: Distribution) -> int:
    return sum(seen.body_bytes for seen in mirror.requests(held.path)[before:])


def assert_finished(
    done: subprocess.CompletedProcess[str], environment: Environment, held: Distribution
) -> None:
    assert done.returncode == 0, done.stderr
    assert brought(environment, held) == held.content
    assert list(folder(environment).iterdir()) == []
    assert QUARANTINE not in done.stderr


def test_what_a_mirror_brought_is_not_brought_again(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    pypi.files.script = [DEAD]
    before = kill_while_a_mirror_sends(0.6, oldest_and_newest, pypi, mirror, held)
    done = with_mirror_again(oldest_and_newest, pypi, mirror)
    sent = sent_by(mirror, before, held)
    cached = pypi.pip(oldest_and_newest, *DOWNLOAD, "--dest", "other", armed=False)

    assert_finished(done, oldest_and_newest, held)
    assert sent <= 0.45 * len(held.content)
    assert any("where an earlier run was interrupted" in line for line in our_lines(done.stderr))
    assert cached.returncode == 0, "pip's cache holds the whole"


def test_nor_by_the_file_host_once_it_is_there_again(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    pypi.files.script = [DEAD]
    kill_while_a_mirror_sends(0.6, oldest_and_newest, pypi, mirror, held)
    pypi.files.script, mirror.script = [], [DEAD]
    before = len(pypi.files.requests(held.path))
    done = with_mirror_again(oldest_and_newest, pypi, mirror)

    assert_finished(done, oldest_and_newest, held)
    assert sent_since(before, pypi, held) <= 0.45 * len(held.content)


def test_what_the_file_host_brought_a_mirror_need_not(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    kill_at(0.6, oldest_and_newest, pypi, held)
    pypi.files.script = [DEAD]
    done = with_mirror_again(oldest_and_newest, pypi, mirror)

    assert_finished(done, oldest_and_newest, held)
    assert sent_by(mirror, 0, held) <= 0.45 * len(held.content)


def test_of_a_file_that_both_had_brought_the_end_alone_is_missing(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    """The host broke off, the mirror was bringing the rest when pip was killed."""
    cut = Reset(after=3_000_000).when("*.whl", first=1)
    pypi.files.script = [cut, DEAD.when("*.whl")]
    before = kill_while_a_mirror_sends(0.675, oldest_and_newest, pypi, mirror, held)
    done = with_mirror_again(oldest_and_newest, pypi, mirror)

    assert_finished(done, oldest_and_newest, held)
    assert sent_by(mirror, before, held) <= 0.4 * len(held.content)


@pytest.mark.parametrize("dead", [True, False], ids=["mirror-alone", "host-first"])
def test_wrong_bytes_on_disk_are_no_mirrors_fault(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    mirror: FaultServer,
    held: Distribution,
    dead: bool,
) -> None:
    """Whether it goes on with them, or with what the host had put behind them."""
    kill_at(0.6, oldest_and_newest, pypi, held)
    (path,) = kept(oldest_and_newest)
    forge(path, 1000, held)
    cut = Reset(after=1_000_000).when("*.whl", first=1)
    pypi.files.script = [DEAD] if dead else [cut, DEAD]
    done = with_mirror_again(oldest_and_newest, pypi, mirror)

    assert_finished(done, oldest_and_newest, held)


def test_without_a_cache_nothing_of_a_mirror_is_kept(
    newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    pypi.files.script = [DEAD]
    kill_while_a_mirror_sends(0.6, newest, pypi, mirror, held, "--no-cache-dir")
    kept_anywhere = [path for path in newest.home.rglob("*") if path.suffix == ".notes"]
    done = with_mirror_again(newest, pypi, mirror, "--no-cache-dir")

    assert kept_anywhere == []
    assert not folder(newest).exists()
    assert done.returncode == 0, done.stderr
    assert brought(newest, held) == held.content
