"""What is lost when the file host dies in the midst of a file?

The rule: nothing that has come. A mirror is asked for the rest alone, the whole is held
against PyPI's digest, and pip's cache is left as after a clean download.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pip_resilient.messages import size
from tests.end_to_end.environments import our_lines
from tests.end_to_end.played_pypi import played_pypi
from tests.end_to_end.timing import shortest
from tests.faults import (
    FaultServer,
    FlippedBit,
    Reset,
    Silence,
    Status,
    Throttle,
    Together,
)
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess

    from tests.end_to_end.environments import Environment
    from tests.end_to_end.played_pypi import PlayedPyPI
    from tests.packages import Distribution

SIZE = 3_000_000
HALF = SIZE // 2
SILENCE_COSTS = 5.0


@pytest.fixture
def held(pypi: PlayedPyPI) -> Distribution:
    return pypi.index.add_wheel("demo", "1.0", size=SIZE)


def download(
    environment: Environment,
    pypi: PlayedPyPI,
    mirror: FaultServer,
    armed: bool = True,
    **env: str,
) -> subprocess.CompletedProcess[str]:
    env = {"PIP_RESILIENT_MIRRORS": f"files:{mirror.url}/simple/", **env} if armed else {}
    common = ("download", "--no-deps", "--dest", "out", "demo")
    return pypi.pip(environment, *common, armed=armed, by_options=False, env=env)


def assert_right_and_cached(
    done: subprocess.CompletedProcess[str],
    environment: Environment,
    pypi: PlayedPyPI,
    mirror: FaultServer,
    held: Distribution,
) -> None:
    """See that the bytes are right, and that plain pip then finds them without asking anybody."""
    assert done.returncode == 0, done.stderr
    path = environment.work / "out" / held.filename
    assert path.read_bytes() == held.content
    path.unlink()
    mirror.script = pypi.files.script = [Status(503)]
    asked = len(mirror.log), len(pypi.files.requests(held.path))
    plain = download(environment, pypi, mirror, armed=False)
    assert plain.returncode == 0, plain.stderr
    assert path.read_bytes() == held.content
    assert (len(mirror.log), len(pypi.files.requests(held.path))) == asked


def assert_only_the_rest(
    pypi: PlayedPyPI, mirror: FaultServer, held: Distribution, at_most: float = 1.1
) -> None:
    """See that what had come did not come again."""
    asked = mirror.ranges(held.path)
    assert asked
    assert all(part is not None and part.startswith("bytes=") for part in asked)
    sent = pypi.files.bytes_sent(held.path) + mirror.bytes_sent(held.path)
    assert sent <= at_most * len(held.content)


def test_a_reset_and_nobody_there_any_more(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    pypi.files.script = [Reset(after=HALF).when("*.whl", first=1), Status(503).when("*.whl")]
    done = download(oldest_and_newest, pypi, mirror)

    assert_only_the_rest(pypi, mirror, held)
    assert f"; {size(HALF)} not downloaded again" in done.stderr
    assert_right_and_cached(done, oldest_and_newest, pypi, mirror, held)


def test_a_silence_costs_five_seconds(oldest_and_newest: Environment) -> None:
    """From the host's last byte to the mirror's: what else pip does takes what it takes."""

    def once() -> float:
        with played_pypi() as pypi, FaultServer() as mirror:
            held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
            Index(mirror).add_all(pypi.index.distributions)
            environment = oldest_and_newest.with_fresh_home()
            pypi.files.script = [
                Silence(after=HALF).when("*.whl", first=1),
                Silence(part="headers").when("*.whl"),
            ]
            done = download(environment, pypi, mirror)
            (asked,) = mirror.requests(held.path)
            fell_silent = max(one.last_byte_at or 0.0 for one in pypi.files.requests(held.path))

            assert pypi.files.bytes_sent(held.path) <= 1.1 * HALF
            assert asked.range is not None
            assert asked.body_bytes <= 1.1 * HALF
            assert asked.last_byte_at is not None
            assert_right_and_cached(done, environment, pypi, mirror, held)
            return asked.last_byte_at - fell_silent

    assert shortest(once, SILENCE_COSTS) <= SILENCE_COSTS


def test_a_crawl_is_left_after_a_while(
    newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    """Its rest would take half a minute or more: a mirror that the user named shows its speed."""
    pypi.files.script = [Throttle(10_000).when("*.whl")]
    began = time.monotonic()
    done = download(newest, pypi, mirror, PIP_RESILIENT_MIN_SPEED="5000")
    took = time.monotonic() - began

    assert_only_the_rest(pypi, mirror, held)
    assert_right_and_cached(done, newest, pypi, mirror, held)
    assert took <= 20.0


def test_a_beginning_that_was_wrong_is_found_out(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    """The rest is right, the file is not: it is the host's beginning that is thrown away."""
    damaged = Together((FlippedBit(1000), Reset(after=HALF)))
    pypi.files.script = [damaged.when("*.whl", first=1), Status(503).when("*.whl")]
    done = download(oldest_and_newest, pypi, mirror)

    assert_right_and_cached(done, oldest_and_newest, pypi, mirror, held)
    assert not any("serves something wrong" in line for line in our_lines(done.stderr))


def test_a_mirror_that_serves_other_bytes_is_never_believed(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    """Nor is it asked again for a day, by this run or another."""
    pypi.files.script = [Status(503)]
    mirror.script = [FlippedBit(HALF).when("*.whl")]
    done = download(oldest_and_newest, pypi, mirror, PIP_RESILIENT_PATIENCE="6")
    asked = len(mirror.log)
    again = download(oldest_and_newest, pypi, mirror, PIP_RESILIENT_PATIENCE="2")

    assert 0 not in (done.returncode, again.returncode)
    assert list((oldest_and_newest.work / "out").glob("*")) == []
    assert any("serves something wrong" in line for line in our_lines(done.stderr))
    assert len(mirror.log) == asked
