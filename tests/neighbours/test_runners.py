"""Does the plugin reach the pips that tox, nox, pipx, virtualenv and build start?

The rule: where nothing else is said the tool has an environment of its own, without
the plugin, and is started by `pip-resilient run`; what that says of them must be
true of the real ones. A recipe that is told is tried here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, our_lines
from tests.end_to_end.fetching import (
    BACKEND_CUT,
    BACKEND_LOST,
    NEWEST,
    SIZE,
    assert_resumed,
    of_pip,
)
from tests.end_to_end.tool_projects import (
    DEMO_CUT,
    application_index,
    healings,
    project,
    with_plugin,
)
from tests.end_to_end.tools import own_python, with_beside
from tests.end_to_end.wheelhouse import pip_wheel
from tests.faults import Reset
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.faults import FaultServer


def run(
    runner: Environment, index: Index, *words: str, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    there = {"PIP_INDEX_URL": index.url, **env}
    return runner.run("pip-resilient", "run", "--", *words, armed=False, env=there, cwd=cwd)


def test_tox(server: FaultServer, tmp_path: Path) -> None:
    """Both its environments: that of the tests, and that of the build."""
    index = Index(server)
    held, backend = index.add_wheel("demo", "1.0", size=SIZE), index.add_backend(size=SIZE)
    server.script = [BACKEND_CUT, DEMO_CUT]
    project(tmp_path)
    done = run(of_pip(NEWEST), index, own_python("tox"), "-m", "tox", "-vv", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "it runs" in done.stdout
    assert "(TOX_OVERRIDE)" in our_lines(done.stderr)[0]
    assert healings(done) == 2
    assert_resumed(server, held)
    assert_resumed(server, backend)


def test_tox_without_the_override_is_not_reached(server: FaultServer, tmp_path: Path) -> None:
    """Then the notice is right, and the override is still needed."""
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    index.add_backend()
    server.script = [DEMO_CUT]
    project(tmp_path)
    words = (own_python("tox"), "-m", "tox", "-vvv")
    done = run(of_pip(NEWEST), index, *words, cwd=tmp_path, TOX_OVERRIDE="testenv.description=x")

    assert done.returncode == 0, done.stdout + done.stderr
    assert healings(done) == 0
    assert our_lines(done.stderr)[0].startswith("pip-resilient: tox is not reached")


NOXFILE = """
import nox
@nox.session
def tests(session):
    session.install({wanted})
    session.run("python", "-c", "import demo; print('it runs')")
"""


@pytest.mark.parametrize("by", ["run", "plugin-first"])
def test_nox(server: FaultServer, tmp_path: Path, by: str) -> None:
    """It hands the environment on: under `run`, or where the session installs the plugin first."""
    runner = of_pip(NEWEST)
    index = with_plugin(Index(server), "nox")
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [DEMO_CUT]
    noxfile = NOXFILE.format(wanted='"demo"')
    if by == "plugin-first":
        first = '    session.install("pip-resilient")\n'
        noxfile = noxfile.replace("    session.install(", first + "    session.install(", 1)
    (tmp_path / "noxfile.py").write_text(noxfile)
    words = (own_python("nox"), "-m", "nox", "--verbose")
    if by == "run":
        done = run(runner, index, *words, cwd=tmp_path)
    else:
        done = runner.run(*words, cwd=tmp_path, env={"PIP_INDEX_URL": index.url})

    assert done.returncode == 0, done.stdout + done.stderr
    assert "it runs" in done.stdout
    assert healings(done) == 1
    assert_resumed(server, held)


def test_virtualenv(server: FaultServer) -> None:
    """An environment that a script makes and fills."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [DEMO_CUT]
    seed = "-m virtualenv --seeder pip --no-periodic-update made"
    script = f"{own_python('tox')} {seed} && made/bin/python -m pip install demo"
    runner = of_pip(NEWEST)
    done = run(runner, index, "sh", "-c", script)

    assert done.returncode == 0, done.stdout + done.stderr
    assert list((runner.home / "tmp").glob("pip-resilient-*")) == []
    assert healings(done) == 1
    assert_resumed(server, held)


@pytest.mark.parametrize("seeder", ["app-data", "pip"])
def test_virtualenv_downloads_pip_with_the_plugin_beside_it(
    server: FaultServer, seeder: str
) -> None:
    """Its `--download` runs a pip of its own in its own Python, and there the plugin is."""
    index = Index(server)
    wheel = pip_wheel(NEWEST, "3.13")
    held = index.add("pip", wheel.name, wheel.read_bytes())
    cut = Reset(after=100).when("/simple/pip/", first=1)
    words = ("-m", "virtualenv", "--download", "--seeder", seeder, "made")
    with with_beside(of_pip(NEWEST), "virtualenv") as environment:
        env = {"PIP_INDEX_URL": index.url}
        server.script = [cut]
        plain = environment.run("python", *words, armed=False, env=env)
        server.script = [cut]
        armed = environment.run("python", *words, env=env)
        version = environment.run("made/bin/python", "-m", "pip", "--version").stdout

    assert plain.returncode != 0
    assert armed.returncode == 0, armed.stdout + armed.stderr
    assert len(server.requests("/simple/pip/")) >= 3
    assert server.bytes_sent(held.path) >= len(held.content)
    assert version.startswith(f"pip {NEWEST} ")


# python -m build


def built(environment: Environment, index: Index, *run_by: str) -> subprocess.CompletedProcess[str]:
    """Build a project, in isolation."""
    folder = environment.work / "project"
    if not folder.exists():
        folder.mkdir()
        project(folder)
    words = ("python", "-m", "build", "--wheel", "-vv", "project")
    env = {"PIP_INDEX_URL": index.url}
    return environment.run(*run_by, *words, armed=bool(run_by), env=env)


def test_build(server: FaultServer) -> None:
    """Its pip looks into another environment, where only `run` reaches."""
    index = Index(server)
    index.add_backend(size=SIZE)
    with with_beside(of_pip(NEWEST), "build") as environment:
        server.script = [BACKEND_LOST]
        plain = built(environment, index)
        server.script = [BACKEND_LOST]
        beside = built(environment, index, "env")
        server.script = [BACKEND_LOST]
        armed = built(environment, index, "pip-resilient", "run", "--")

    assert plain.returncode != 0
    assert beside.returncode != 0
    assert armed.returncode == 0, armed.stdout + armed.stderr
    assert healings(armed) == 1


# pipx


def with_pipx(
    runner: Environment, index: Index, *words: str, through: bool
) -> subprocess.CompletedProcess[str]:
    """Let pipx work in a home of its own, under `run` or just so."""
    home = str(runner.home / "pipx")
    env = {"PIPX_HOME": home, "PIPX_BIN_DIR": home + "/bin", "PIP_INDEX_URL": index.url}
    command = (own_python("pipx"), "-m", "pipx", *words)
    if through:
        return run(runner, index, *command, **env)
    return runner.run(*command, env=env)


@pytest.fixture
def pipx_index(server: FaultServer) -> Index:
    return application_index(server)


def test_pipx_is_not_reached_and_that_is_said(server: FaultServer, pipx_index: Index) -> None:
    """It takes PYTHONPATH away."""
    runner = of_pip(NEWEST)
    server.script = [DEMO_CUT]
    done = with_pipx(runner, pipx_index, "install", "--verbose", "demo", through=True)

    assert healings(done) == 0
    assert done.returncode == 0, done.stdout + done.stderr
    assert our_lines(done.stderr)[0].startswith("pip-resilient: pipx removes PYTHONPATH")


def test_the_recipe_for_pipx_works(server: FaultServer, pipx_index: Index) -> None:
    """The plugin is small and comes first; the application is what is large."""
    server.script = [DEMO_CUT]
    words = ("install", "--verbose", "--preinstall", "pip-resilient", "demo")
    done = with_pipx(of_pip(NEWEST), pipx_index, *words, through=False)
    held = next(one for one in pipx_index.distributions if one.name == "demo")

    assert done.returncode == 0, done.stdout + done.stderr
    assert healings(done) == 1
    assert_resumed(server, held)
