"""Which of the pips that pipenv starts are reached?

The rule: pipenv locks and installs by the copy of pip that it carries, but in the
Python of the project's environment. So the plugin beside pipenv itself reaches
neither; `pip-resilient run` reaches both, and so does the plugin in the project's
environment. How that copy of pip heals is tried in `tests/end_to_end`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import built_wheel
from tests.end_to_end.fetching import CUT_PAGE, DROPS, NEWEST, SIZE, of_pip
from tests.end_to_end.tools import with_beside
from tests.end_to_end.wheelhouse import dependency_wheels
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.end_to_end.environments import Environment
    from tests.faults import FaultServer

PIPFILE = """
[[source]]
url = "{index}"
verify_ssl = true
name = "here"

[packages]
demo = "*"
"""


@pytest.fixture(scope="module")
def made() -> Iterator[Environment]:
    with with_beside(of_pip(NEWEST), "pipenv") as private:
        yield private


def pipenv(
    environment: Environment, index: Index, *words: str, by: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run pipenv on a Pipfile: as it is, with the variable set, or under `run`."""
    (environment.work / "Pipfile").write_text(PIPFILE.format(index=index.url))
    env = {"PIPENV_VENV_IN_PROJECT": "1", "PIPENV_NOSPIN": "1", "PIPENV_IGNORE_VIRTUALENVS": "1"}
    through = ("pip-resilient", "run", "--") if by == "run" else ()
    words = (*through, str(environment.executable), "-m", "pipenv", *words)
    return environment.run(*words, armed=by in {"beside", "inside"}, env=env)


def prepare(environment: Environment, index: Index, by: str) -> None:
    """Make the project's environment; with the plugin in it, if that is the way."""
    done = pipenv(environment, index, "lock")
    assert done.returncode == 0, done.stdout + done.stderr
    if by == "inside":
        ours = (built_wheel(), *dependency_wheels(environment.python_version).glob("*.whl"))
        words = ("-m", "pip", "install", "--no-index", "--quiet", *map(str, ours))
        done = environment.run(".venv/bin/python", *words, armed=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("by", "heals"), [("beside", False), ("run", True), ("inside", True)])
def test_locking(made: Environment, server: FaultServer, by: str, *, heals: bool) -> None:
    environment = made.with_fresh_home()
    index = Index(server)
    index.add_wheel("demo", "1.0")
    prepare(environment, index, by)
    index.add_wheel("demo", "2.0")
    server.script = [CUT_PAGE]
    plain = pipenv(environment, index, "lock", "--clear")
    server.script = [CUT_PAGE]
    armed = pipenv(environment, index, "lock", "--clear", by=by)

    assert plain.returncode != 0
    assert (armed.returncode == 0) is heals, armed.stdout + armed.stderr
    assert ('"==2.0"' in (environment.work / "Pipfile.lock").read_text()) is heals


@pytest.mark.parametrize(("by", "heals"), [("beside", False), ("run", True), ("inside", True)])
def test_installing(made: Environment, server: FaultServer, by: str, *, heals: bool) -> None:
    environment = made.with_fresh_home()
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    prepare(environment, index, by)
    server.script = [DROPS]
    plain = pipenv(environment, index, "sync")
    before = len(server.requests(held.path))
    armed = pipenv(environment, index, "sync", by=by)
    imported = environment.run(".venv/bin/python", "-c", "import demo", armed=False)

    assert plain.returncode != 0
    assert (armed.returncode == 0) is heals, armed.stdout + armed.stderr
    assert (imported.returncode == 0) is heals
    assert (len(server.requests(held.path)) - before >= 8) is heals
