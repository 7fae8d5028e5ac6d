"""What do many pips at once, or one in a container, make of one cache?

The rule: twenty real pips begin at the same time with one home, each against the
same faults; and a root whose only lasting folder is a mounted cache, as
`RUN --mount=type=cache,target=…` in a Dockerfile gives it, is killed and run again.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import NEWEST, of_pip, or_skip
from tests.end_to_end.namespaces import bound
from tests.faults import Authority, DropEvery, FaultServer, Throttle
from tests.packages import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.environments import Environment

MANY = 20
SIZE = 3_000_000
DROPS = DropEvery(SIZE // 10).when("*/demo-*.whl", method="GET")


def test_twenty_pips_on_one_cache() -> None:
    """All finish with the right bytes, and what they leave serves the next one."""
    environment = of_pip(NEWEST)
    authority = Authority()
    with FaultServer(tls=authority, host="localhost", script=[DROPS]) as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        certificate = authority.write_to(environment.home / "authority.pem")
        where = ("--no-deps", "--index-url", index.url, "--cert", certificate, "demo")
        with ExitStack() as stack:
            began = [
                stack.enter_context(
                    environment.started(
                        "python", "-m", "pip", "download", "--dest", f"out{number}", *where
                    )
                )
                for number in range(MANY)
            ]
            said = [process.communicate(timeout=240)[1].decode() for process in began]
            codes = [process.returncode for process in began]
        server.script = []
        before = server.bytes_sent(held.path)
        once_more = environment.pip("download", "--dest", "out", *where)
        after = server.bytes_sent(held.path)

    brought = [
        (environment.work / f"out{number}" / held.filename).read_bytes() for number in range(MANY)
    ]
    partials = environment.pip_cache / "pip-resilient" / "partials"

    assert codes == [0] * MANY, said
    assert set(brought) == {held.content}
    assert all("Traceback" not in one and "standing aside" not in one for one in said)
    assert once_more.returncode == 0, once_more.stderr
    assert our_lines(once_more.stderr) == []
    assert after == before
    assert [path.name for path in partials.iterdir()] == []


@pytest.fixture
def volume() -> Iterator[Path]:
    """Return a folder of another file system than that of the home, where there is one."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


def in_a_container(environment: Environment, volume: Path) -> tuple[str, ...]:
    """Return what starts a command as root with the volume mounted as pip's cache, or skip."""
    environment.pip_cache.mkdir(parents=True)
    return or_skip(bound(str(volume), str(environment.pip_cache)))


def test_a_killed_build_goes_on_from_the_cache_mount(volume: Path) -> None:
    """The second container has a new home, and nothing of the first but the mount."""
    first, second = of_pip(NEWEST), of_pip(NEWEST)
    authority = Authority()
    with FaultServer(tls=authority, host="localhost") as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=2 * SIZE)
        certificate = authority.write_to(first.home / "authority.pem")
        where = ("--no-deps", "--index-url", index.url, "--cert", certificate, "demo")
        pip = (str(first.executable), "-m", "pip", "install", "--target", "there", *where)
        env = {"PIP_ROOT_USER_ACTION": "ignore"}
        server.script = [Throttle(2_000_000).when("*.whl")]
        with first.started(*in_a_container(first, volume), *pip, env=env):
            server.wait_until(lambda one: one.bytes_sent(held.path) > 1.4 * SIZE, timeout=60)
        server.script = []
        before = len(server.requests(held.path))
        done = second.run(*in_a_container(second, volume), *pip, env=env)
        sent = sum(seen.body_bytes for seen in server.requests(held.path)[before:])

    assert done.returncode == 0, done.stderr
    assert "where an earlier run was interrupted" in "".join(our_lines(done.stderr))
    assert sent < 0.6 * len(held.content)
    assert (second.work / "there" / "demo").is_dir()
    assert list(second.pip_cache.iterdir()) == []
