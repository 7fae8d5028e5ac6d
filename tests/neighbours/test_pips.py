"""Does it matter where pip comes from: Debian's, git's project, one that replaces itself?

The rule: whatever Python runs it has the plugin beside it, and the pip is a real
one. `pip lock`, `pip index`, `-r URL`, fast-deps, builds in one process and a pip in a
zip file are tried in `tests/end_to_end`.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, built_wheel, left_of_ours, our_lines
from tests.end_to_end.fetching import (
    BACKEND_CUT,
    CUT_PAGE,
    DROPS,
    NEWEST,
    SIZE,
    assert_in_pieces,
    fetch,
    fetched,
    of_pip,
)
from tests.end_to_end.wheelhouse import dependency_wheels, pip_wheel
from tests.faults import DropEvery, Status
from tests.packages import Index, sdist

if TYPE_CHECKING:
    from tests.faults import FaultServer

DEBIANS_PYTHON = Path("/usr/bin/python3")
DEBIANS_PIP = Path("/usr/lib/python3/dist-packages/pip/__init__.py")


# What pip wheel brings


def test_pip_wheel_heals(server: FaultServer) -> None:
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    environment = of_pip(NEWEST)
    words = ("wheel", "--no-deps", "--wheel-dir", "out", "--index-url", index.url, "demo")
    server.script = [DROPS]
    plain = environment.pip(*words, "--no-cache-dir", armed=False)
    before = len(server.requests(held.path))
    armed = environment.pip(*words)

    assert plain.returncode != 0
    assert armed.returncode == 0, armed.stderr
    assert fetched(environment, held) == held.content
    assert len(server.requests(held.path)) - before >= 8


# Where git brings it


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.org")
    alone = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(("git", *who, *words), cwd=folder, env=alone, check=True)


@needs_git
def test_what_a_repository_requires_heals(server: FaultServer, tmp_path: Path) -> None:
    """git brings the project, and pip what it is built with."""
    index = Index(server)
    backend = index.add_backend(size=SIZE)
    (tmp_path / "demo.tar.gz").write_bytes(sdist("demo", "1.0"))
    git(tmp_path, "init", "--quiet", "repository")
    strip = ("tar", "xzf", "demo.tar.gz", "--strip-components=1", "-C", "repository")
    subprocess.run(strip, cwd=tmp_path, check=True)
    git(tmp_path / "repository", "add", ".")
    git(tmp_path / "repository", "commit", "--quiet", "--message", "one")
    server.script = [BACKEND_CUT]
    environment = of_pip(NEWEST)
    url = f"git+{(tmp_path / 'repository').as_uri()}"
    done = environment.pip("wheel", "--no-deps", "--index-url", index.url, f"demo @ {url}")

    assert done.returncode == 0, done.stderr
    assert "healed 1 interruption" in our_lines(done.stderr)[-1]
    assert server.bytes_sent(backend.path) < 1.2 * len(backend.content)


@needs_git
def test_git_itself_does_not(server: FaultServer) -> None:
    """It is a program of its own, and is asked to once."""
    server.script = [Status(503).when("/repository.git/")]
    environment = of_pip(NEWEST)
    asked, codes = [], []
    for armed in (False, True):
        before = len(server.log)
        url = f"demo @ git+{server.url}/repository.git"
        codes.append(environment.pip("wheel", "--no-deps", url, armed=armed).returncode)
        asked.append([seen.path for seen in server.log[before:]])

    assert 0 not in codes
    assert asked[0] == asked[1] == ["/repository.git/info/refs"]


# Debian's pip


def debians() -> Environment:
    """Return an environment of Debian's Python that sees Debian's pip, or skip."""
    if not DEBIANS_PIP.exists():
        pytest.skip("no pip of Debian's here")
    home = of_pip(NEWEST).home
    show = "import sys, pip; print('%d.%d' % sys.version_info[:2], pip.__version__)"
    said = subprocess.check_output([DEBIANS_PYTHON, "-I", "-c", show], text=True)
    python, version = said.split()
    made = Environment(version, python, home / "venv", home)
    words = ("-m", "venv", "--system-site-packages", "--without-pip", str(made.root))
    done = made.run(str(DEBIANS_PYTHON), *words, armed=False)
    if done.returncode:
        pytest.skip(f"Debian's Python makes no environment: {done.stderr}")
    return made


@pytest.mark.parametrize("by", ["beside", "run"])
def test_debians_pip_heals(server: FaultServer, by: str) -> None:
    """With the plugin in an environment that sees Debian's packages, or under `run`."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    environment = debians()
    if by == "beside":
        links = (built_wheel().parent, dependency_wheels(environment.python_version))
        options = ("--quiet", "--no-index", *(f"--find-links={link}" for link in links))
        done = environment.pip("install", *options, "pip-resilient", armed=False)
        assert done.returncode == 0, done.stderr
    server.script = [CUT_PAGE]
    plain = fetch(environment, index.url, armed=False)
    server.script = [DROPS]
    if by == "beside":
        armed = fetch(environment, index.url)
    else:
        words = ("download", "--no-deps", "--dest", "out", "--index-url", index.url, "demo")
        runner = of_pip(NEWEST)
        python = str(environment.executable)
        command = ("pip-resilient", "run", "--", python, "-m", "pip", *words)
        armed = runner.run(*command, armed=False, cwd=environment.work)
    where = environment.python("import pip; print(pip.__file__)").stdout

    assert where.strip() == str(DEBIANS_PIP)
    assert plain.returncode != 0
    assert armed.returncode == 0, armed.stderr
    assert fetched(environment, held) == held.content
    assert "healed" in our_lines(armed.stderr)[-1]
    assert_in_pieces(server, held)


# What replaces itself


@pytest.mark.parametrize(("old", "new"), [("25.0.1", NEWEST), (NEWEST, "25.3")])
def test_pip_replaces_itself(server: FaultServer, old: str, new: str) -> None:
    """The code that runs is gone from the disk when the last line is written."""
    index = Index(server)
    wheel = pip_wheel(new, "3.11")
    held = index.add("pip", wheel.name, wheel.read_bytes())
    drops = DropEvery(len(held.content) // 10).when("*/pip-*.whl", method="GET")
    words = ("install", "--upgrade", "--index-url", index.url, f"pip=={new}")
    with of_pip(old).throw_away_copy() as environment:
        server.script = [drops]
        plain = environment.pip(*words, "--no-cache-dir", armed=False)
        before = len(server.requests(held.path))
        armed = environment.pip(*words)
        version = environment.pip("--version").stdout
        demo = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [DROPS]
        after = fetch(environment, index.url)

    assert plain.returncode != 0
    assert armed.returncode == 0, armed.stderr
    assert len(server.requests(held.path)) - before >= 8
    assert_nothing_odd(armed)
    assert version.startswith(f"pip {new} ")
    assert after.returncode == 0, after.stderr
    assert_in_pieces(server, demo)


def assert_nothing_odd(done: subprocess.CompletedProcess[str]) -> None:
    """See that our last line was written, and that nothing was imported too late."""
    assert "healed" in our_lines(done.stderr)[-1]
    for odd in ("Traceback", "standing aside", "DEPRECATION", "too late"):
        assert odd not in done.stderr


def next_version() -> tuple[str, bytes]:
    """Return the name and content of a later plugin, none of whose modules can be imported."""
    path = built_wheel()
    now = path.name.split("-")[1]
    made = io.BytesIO()
    with zipfile.ZipFile(path) as wheel, zipfile.ZipFile(made, "w") as later:
        for name in wheel.namelist():
            content = wheel.read(name)
            if name.endswith(".py"):
                content = b"raise RuntimeError('imported too late')\n"
            elif ".dist-info/" in name:
                content = content.replace(f"-{now}.dist-info".encode(), b"-99.0.dist-info")
                content = content.replace(f"\nVersion: {now}\n".encode(), b"\nVersion: 99.0\n")
            later.writestr(name.replace(f"-{now}.", "-99.0."), content)
    return path.name.replace(f"-{now}-", "-99.0-"), made.getvalue()


@pytest.mark.parametrize("pip", ["20.3.4", "26.1.2", NEWEST])
@pytest.mark.parametrize("faulty", [False, True], ids=["healthy", "faulty"])
def test_the_plugin_is_replaced_while_armed(server: FaultServer, pip: str, *, faulty: bool) -> None:
    """The run that replaces it must need nothing more of what it has removed."""
    index = Index(server)
    held = index.add("pip-resilient", *next_version())
    drops = DropEvery(len(held.content) // 10).when("*/pip_resilient-*.whl", method="GET")
    server.script = [drops] if faulty else []
    words = ("install", "--no-deps", "--upgrade", "--index-url", index.url, "pip-resilient")
    with of_pip(pip).throw_away_copy() as environment:
        done = environment.pip(*words)
        now = environment.pip("show", "pip-resilient", armed=False).stdout
        removed = environment.pip("uninstall", "--yes", "pip-resilient")
        left = left_of_ours(environment)

    assert done.returncode == 0, done.stderr
    assert "Version: 99.0" in now
    assert removed.returncode == 0, removed.stderr
    assert left == []
    if faulty:
        assert_nothing_odd(done)
        assert len(server.requests(held.path)) >= 8
    else:
        assert our_lines(done.stderr) == []
        assert "too late" not in done.stderr
