"""Does each recipe of docs/recipes.md do what it is there for?

The rule: what is run is what stands there, in an environment of its own, against
an index whose file is cut in the middle; the file has to come whole, and in two
pieces. Steps that only a service can do are left out, and no others.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests import documents
from tests.end_to_end.environments import Environment, built_wheel, left_of_ours
from tests.end_to_end.fetching import HALF, NEWEST, SIZE, assert_resumed, of_pip
from tests.end_to_end.interpreters import cell_of
from tests.end_to_end.tool_projects import DEMO_CUT, application_index, healings, hold, project
from tests.end_to_end.tools import own_python, spare_pip, wheels
from tests.end_to_end.wheelhouse import dependency_wheels
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from tests.faults import FaultServer
    from tests.packages import Distribution

TEXT = documents.read(documents.DOCS / "recipes.md")
PYTHON = cell_of(NEWEST).python
OF_A_SERVICE = {"actions/checkout", "actions/setup-python", "actions/upload-artifact"}
OF_A_SERVICE |= {"actions/cache/restore", "actions/cache/save"}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the recipes are for a Bourne shell")


@pytest.fixture
def index(server: FaultServer) -> Index:
    """What the recipes install: the plugin with what it needs, and `demo`, which is cut."""
    made = Index(server)
    made.add_wheel("demo", "1.0", size=SIZE)
    hold(made, built_wheel(), *dependency_wheels(PYTHON).glob("*.whl"))
    server.script = [DEMO_CUT]
    return made


def demo(index: Index) -> Distribution:
    return next(one for one in index.distributions if one.name == "demo")


def with_requirements(environment: Environment) -> Environment:
    (environment.work / "requirements.txt").write_text("demo\n")
    return environment


@pytest.fixture
def bare() -> Iterator[Environment]:
    """An environment that has nothing but pip, and that the test may change."""
    with of_pip(NEWEST, plugin=False).throw_away_copy() as environment:
        yield with_requirements(environment)


@pytest.fixture
def armed() -> Environment:
    """One that has the plugin, and stays as it is; its home is the test's own."""
    return with_requirements(of_pip(NEWEST))


def code_of(title: str, language: str) -> list[str]:
    """Return the blocks of one recipe."""
    found = documents.blocks(documents.section(TEXT, title))
    assert {one.language for one in found} == {language}
    return [one.code for one in found]


def shell(
    environment: Environment, script: str, env: Mapping[str, str], *, sh: str = "bash"
) -> subprocess.CompletedProcess[str]:
    """Run a piece of shell as a service does, up to the first command that fails."""
    done = environment.run(sh, "-e", "-c", script, armed=False, env=env)

    assert done.returncode == 0, script + done.stdout + done.stderr
    return done


def test_every_recipe_is_run() -> None:
    """One that is not goes stale."""
    ran = re.findall(r'code_of\("(.+?)"', Path(__file__).read_text(encoding="utf-8"))

    assert set(ran) == set(documents.headings(TEXT))


# --- Services ---


def test_github_actions(bare: Environment, server: FaultServer, index: Index) -> None:
    (text,) = code_of("GitHub Actions", "yaml")
    (job,) = yaml.safe_load(text)["jobs"].values()
    env = {**job["env"], "PIP_INDEX_URL": index.url, "CI": "true"}
    said = ""
    for step in job["steps"]:
        if "uses" in step:
            assert step["uses"].partition("@")[0] in OF_A_SERVICE
            continue
        done = shell(bare, step["run"], env)
        said += done.stderr

    assert said.count("healed 1 interruption") == 1
    assert (bare.work / "pip-report.html").exists()
    assert_resumed(server, demo(index))
    kept = {one["with"]["path"] for one in job["steps"] if "cache" in one.get("uses", "")}
    assert kept == {"~/" + str(bare.pip_cache.relative_to(bare.home))}


def test_gitlab(bare: Environment, server: FaultServer, index: Index) -> None:
    """Its cache comes back with files that everybody may write."""
    (text,) = code_of("GitLab CI", "yaml")
    job = yaml.safe_load(text)["test"]
    place = {"CI_PROJECT_DIR": str(bare.work), "CI": "true"}
    env = {**place, "PIP_INDEX_URL": index.url}
    for name, value in job["variables"].items():
        env[name] = value.replace("$CI_PROJECT_DIR", str(bare.work))
    state = bare.work / ".cache" / "pip" / "pip-resilient"
    state.mkdir(parents=True)
    for folder in (state, *state.parents[:2]):
        folder.chmod(0o777)
    done = shell(bare, "\n".join(job["script"]), env)
    shell(bare, "\n".join(job["after_script"]), env)

    assert healings(done) == 1
    assert_resumed(server, demo(index))
    assert os.path.commonpath([state, bare.work / job["cache"]["paths"][0]]) != str(bare.work)
    assert len(list((state / "runs").iterdir())) == 1
    assert (bare.work / job["artifacts"]["paths"][0]).exists()


def instructions(text: str) -> list[tuple[str, str]]:
    """Return a Dockerfile's instructions, with what stands behind each."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and line[0] != "#"]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def test_dockerfile(bare: Environment, server: FaultServer, index: Index) -> None:
    (text,) = code_of("Dockerfile", "dockerfile")
    said, env, set_ = "", {"PIP_INDEX_URL": index.url}, {}
    for word, rest in instructions(text):
        assert word in {"FROM", "COPY", "ENV", "RUN"}
        if word == "ENV":
            set_ = dict(one.split("=", 1) for one in shlex.split(rest))
            env |= {**set_, "PIP_CACHE_DIR": str(bare.pip_cache)}
        if word == "RUN":
            mounts = [one for one in shlex.split(rest) if one.startswith("--mount=")]
            assert all(one.endswith(f"target={set_['PIP_CACHE_DIR']}") for one in mounts)
            said += shell(bare, re.sub(r"--mount=\S+", "", rest), env, sh="sh").stderr

    assert said.count("healed 1 interruption") == 1
    assert_resumed(server, demo(index))
    assert left_of_ours(bare) == []


# --- Tools ---


def pip_tools_wheels(environment: Environment, name: str = "") -> list[Path]:
    """Return the wheels of pip-tools and of what it needs, or one of them; or skip."""
    return list(wheels(environment, "pip-tools").glob(f"{name}*.whl"))


def with_tool(environment: Environment, name: str) -> dict[str, str]:
    """Put a tool on the PATH."""
    folder = environment.home / "tools"
    folder.mkdir()
    (folder / name).write_text(
        f'#!/bin/sh\nexec {own_python(name)} -m {name.replace("-", "_")} "$@"\n'
    )
    (folder / name).chmod(0o755)
    own = environment.environ(armed=False)["PATH"]
    return {"PATH": os.pathsep.join([own, str(folder)])}


def test_tox(armed: Environment, server: FaultServer, index: Index) -> None:
    env = {**with_tool(armed, "tox"), "PIP_INDEX_URL": index.url}
    index.add_backend()
    project(armed.work)
    (script,) = code_of("tox", "sh")
    done = shell(armed, script.strip() + " -vv", env)

    assert "it runs" in done.stdout
    assert healings(done) == 1
    assert_resumed(server, demo(index))


def test_pipx(server: FaultServer) -> None:
    index = application_index(server)
    runner = of_pip(NEWEST)
    home = str(runner.home / "pipx")
    env = {**with_tool(runner, "pipx"), "PIPX_HOME": home, "PIPX_BIN_DIR": home + "/bin"}
    server.script = [DEMO_CUT]
    (script,) = code_of("pipx", "sh")
    shell(runner, script.replace("APP", "demo"), {**env, "PIP_INDEX_URL": index.url})

    assert_resumed(server, demo(index))


def test_pip_tools(bare: Environment, server: FaultServer, index: Index) -> None:
    """pip-sync would uninstall the plugin first, and then download without it."""
    hold(index, *pip_tools_wheels(bare))
    (bare.work / "requirements.txt").unlink()
    spare_pip(bare)
    (bare.work / "requirements.in").write_text("demo\n")
    (script,) = code_of("pip-tools", "sh")
    done = shell(bare, script, {"PIP_INDEX_URL": index.url, "PIP_NO_CACHE_DIR": ""})

    assert healings(done) == 1
    assert_resumed(server, demo(index))
    assert bare.python("import demo, pip_resilient").returncode == 0


HOOKS = """
repos:
- repo: local
  hooks:
  - id: demo
    name: demo
    language: python
    entry: demo
    additional_dependencies: [demo]
"""


@pytest.mark.skipif(shutil.which("git") is None, reason="pre-commit needs git")
def test_pre_commit(armed: Environment, server: FaultServer, index: Index) -> None:
    """It shows nothing of its pip; which resumes too, but not at the very byte."""
    (armed.work / ".pre-commit-config.yaml").write_text(HOOKS)
    hold(index, *pip_tools_wheels(armed, "setuptools"))
    script, _ = code_of("pre-commit, and other tools that make environments", "sh")
    env = {**with_tool(armed, "pre-commit"), "PIP_INDEX_URL": index.url}
    shell(armed, "git init --quiet\n" + script, env)

    assert server.ranges(demo(index).path) == [None, f"bytes={HALF}-"]


def test_tools_that_make_environments(
    armed: Environment, server: FaultServer, index: Index
) -> None:
    _, script = code_of("pre-commit, and other tools that make environments", "sh")
    done = shell(armed, script, {"PIP_INDEX_URL": index.url})

    assert healings(done) == 1
    assert_resumed(server, demo(index))


# --- Requirements ---


def test_a_machine_without_a_network(
    armed: Environment, bare: Environment, server: FaultServer, index: Index
) -> None:
    fetch, install = code_of("A machine without a network", "sh")
    done = shell(armed, fetch, {"PIP_INDEX_URL": index.url})
    (armed.work / "wheels").rename(bare.work / "wheels")
    shell(bare, install, {"PIP_INDEX_URL": "http://127.0.0.1:9/simple/"})

    assert healings(done) == 1
    assert_resumed(server, demo(index))
    assert bare.python("import demo").returncode == 0


def test_hashes(armed: Environment, server: FaultServer, index: Index) -> None:
    held = demo(index)
    (script,) = code_of("A requirements file that names hashes", "sh")
    with armed.throw_away_copy() as copy:
        (copy.work / "locked.txt").write_text(f"demo==1.0 --hash=sha256:{held.sha256}\n")
        done = shell(copy, script, {"PIP_INDEX_URL": index.url})

    assert healings(done) == 1
    assert_resumed(server, held)
