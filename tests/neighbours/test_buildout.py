"""What of zc.buildout goes through pip?

The rule: buildout asks the index and fetches the files by urllib, where nothing of
ours is, so a cut ends it with the plugin as without; pip builds and installs what
has been fetched, and what that build requires comes through pip and heals. What
helps with the rest is another `index`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.fetching import (
    BACKEND_CUT,
    BACKEND_LOST,
    NEWEST,
    SIZE,
    assert_resumed,
    of_pip,
)
from tests.end_to_end.tool_projects import hold
from tests.end_to_end.tools import wheels, with_beside
from tests.faults import FaultServer, Reset
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.end_to_end.environments import Environment

CONFIGURATION = """
[buildout]
parts = app
index = {index}
[app]
recipe = zc.recipe.egg
eggs = demo
interpreter = python
"""
DEMO_CUT = Reset(after=100).when("*/demo-1.0.tar.gz", method="GET", first=1)


@pytest.fixture(scope="module")
def made() -> Iterator[Environment]:
    with with_beside(of_pip(NEWEST), "zc.buildout") as private:
        yield private


@pytest.fixture
def with_buildout(made: Environment) -> Environment:
    return made.with_fresh_home()


def holding(server: FaultServer, environment: Environment) -> Index:
    """Return an index with a project to build, its backend, and buildout's recipe."""
    index = Index(server)
    index.add_sdist("demo", "1.0")
    index.add_backend(size=SIZE)
    hold(index, *wheels(environment, "zc.recipe.egg").glob("*.whl"))
    return index


def buildout(
    environment: Environment, index: Index, *, armed: bool = True, pages: str = ""
) -> subprocess.CompletedProcess[str]:
    """Build anew: `index` is pip's own, `pages` are those that buildout reads."""
    configuration = CONFIGURATION.format(index=pages or index.url)
    (environment.work / "buildout.cfg").write_text(configuration)
    env = {"PIP_INDEX_URL": index.url}
    return environment.run("buildout", armed=armed, env=env)


def test_what_a_build_requires_heals(with_buildout: Environment, server: FaultServer) -> None:
    environment = with_buildout
    index = holding(server, environment)
    server.script = [BACKEND_LOST]
    plain = buildout(environment, index, armed=False)
    server.script = [BACKEND_CUT]
    armed = buildout(environment, index)
    imported = environment.run("bin/python", "-c", "import demo; print(demo.__name__)")

    assert plain.returncode != 0
    assert armed.returncode == 0, armed.stdout + armed.stderr
    assert imported.stdout == "demo\n", imported.stderr
    backend = next(one for one in index.distributions if one.name == "tinybackend")
    assert_resumed(server, backend)


def test_what_buildout_fetches_itself_does_not(
    with_buildout: Environment, server: FaultServer
) -> None:
    """The server sees the same requests from both, and never a range."""
    index = holding(server, with_buildout)
    path = next(one.path for one in index.distributions if one.name == "demo")
    codes, asked = [], []
    for armed in (False, True):
        server.script = [DEMO_CUT]
        before = len(server.requests(path))
        codes.append(buildout(with_buildout.with_fresh_home(), index, armed=armed).returncode)
        asked.append([seen.range for seen in server.requests(path)[before:]])

    assert 0 not in codes
    assert asked[0] == asked[1] == [None]


def test_another_index_is_buildouts_own_way_out(
    with_buildout: Environment, server: FaultServer
) -> None:
    """A mirror that is named to buildout is asked by buildout, and by pip as one more index."""
    index = holding(server, with_buildout)
    server.script = [DEMO_CUT]
    with FaultServer() as spare:
        mirror = holding(spare, with_buildout)
        done = buildout(with_buildout, index, pages=mirror.url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert server.requests("/simple/demo/") == []
