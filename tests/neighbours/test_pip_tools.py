"""Does pip-sync heal, which removes whatever is not listed?

The rule: it removes first, and then starts the pip beside it. So the plugin is
listed, or comes from another environment. pip-compile, which uses pip in its own
process, is tried in `tests/end_to_end/test_neighbours.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, left_of_ours, our_lines
from tests.end_to_end.fetching import DROPS, NEWEST, SIZE, assert_in_pieces, of_pip
from tests.end_to_end.tools import spare_pip, with_beside
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.faults import FaultServer


@pytest.fixture(scope="module")
def made() -> Iterator[Environment]:
    with with_beside(of_pip(NEWEST), "pip-tools") as private:
        spare_pip(private)
        yield private


def sync(environment: Environment, index: Index, wanted: str) -> subprocess.CompletedProcess[str]:
    (environment.work / "requirements.txt").write_text(wanted)
    return environment.run("pip-sync", "--index-url", index.url)


def test_pip_sync_heals_where_the_plugin_is_listed(made: Environment, server: FaultServer) -> None:
    """What is listed stays, and it is there before anything is downloaded."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [DROPS]
    with made.throw_away_copy() as environment:
        done = sync(environment, index, "demo\npip-resilient\nurllib3\nwrapt\n")

    assert done.returncode == 0, done.stderr
    assert "healed" in our_lines(done.stderr)[-1]
    assert_in_pieces(server, held)


def test_pip_sync_removes_the_plugin_where_it_is_not_listed(
    made: Environment, server: FaultServer
) -> None:
    """First it uninstalls, then it installs: by then pip runs without us."""
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [DROPS]
    with made.throw_away_copy() as environment:
        done = sync(environment, index, "demo\n")
        left = left_of_ours(environment)

    assert done.returncode != 0
    assert left == []
    assert "Uninstalling pip-resilient" in done.stdout
    assert our_lines(done.stderr) == []


def test_pip_sync_is_reached_from_another_environment(server: FaultServer) -> None:
    """Then there is nothing to remove."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [DROPS]
    with with_beside(of_pip(NEWEST, plugin=False), "pip-tools") as environment:
        (environment.work / "requirements.txt").write_text("demo\n")
        spare_pip(environment)
        words = (str(environment.executable), "-m", "piptools", "sync", "--index-url", index.url)
        command = ("pip-resilient", "run", "--", *words)
        done = of_pip(NEWEST).run(*command, armed=False, cwd=environment.work)

    assert done.returncode == 0, done.stdout + done.stderr
    assert_in_pieces(server, held)
