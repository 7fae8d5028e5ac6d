"""What is left of `easy_install`, and does it go through pip?

The rule: up to setuptools 79 it downloads by urllib, where nothing of ours is;
from 80 on there is no `easy_install`, and what called it starts the pip beside it,
where we are: `setup.py develop`, and what `setup_requires` names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import (
    CUT_PAGE,
    DROPS,
    NEWEST,
    SIZE,
    assert_in_pieces,
    of_pip,
)
from tests.end_to_end.tools import with_beside
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess

    from tests.end_to_end.environments import Environment
    from tests.faults import FaultServer

OLD = "setuptools==79.0.1"
SETUP = "from setuptools import setup\nsetup(name='app', version='1', py_modules=[], {wanted})\n"


def setup_py(
    environment: Environment, index: Index, *words: str, wanted: str = "", armed: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a setup.py of a project that wants something."""
    folder = environment.work / "app"
    folder.mkdir(exist_ok=True)
    (folder / "setup.py").write_text(SETUP.format(wanted=wanted))
    env = {"PIP_INDEX_URL": index.url, "PIP_NO_BUILD_ISOLATION": "0"}
    return environment.run("python", "setup.py", *words, armed=armed, env=env, cwd=folder)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [(("develop",), "install_requires=['demo']"), (("--version",), "setup_requires=['demo']")],
    ids=["develop", "setup_requires"],
)
def test_what_has_called_it_starts_pip(
    server: FaultServer, words: tuple[str, ...], wanted: str
) -> None:
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    with with_beside(of_pip(NEWEST), "setuptools") as environment:
        server.script = [CUT_PAGE]
        plain = setup_py(environment, index, *words, wanted=wanted, armed=False)
        before = len(server.requests(held.path))
        server.script = [DROPS]
        armed = setup_py(environment, index, *words, wanted=wanted)

    assert plain.returncode != 0
    assert before == 0
    assert armed.returncode == 0, armed.stdout + armed.stderr
    assert_in_pieces(server, held)


def test_easy_install_itself_is_gone(server: FaultServer) -> None:
    """A command that does nothing, for those who still subclass it."""
    index = Index(server)
    index.add_wheel("demo", "1.0")
    with with_beside(of_pip(NEWEST), "setuptools") as environment:
        done = setup_py(environment, index, "easy_install", "-i", index.url, "demo")
        scripts = [path.name for path in environment.executable.parent.glob("easy_install*")]

    assert done.returncode != 0
    assert scripts == []
    assert server.log == []


def test_the_old_one_downloads_without_pip(server: FaultServer) -> None:
    """And so without us: the same requests with the plugin as without, and never a range."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    codes, asked = [], []
    with with_beside(of_pip(NEWEST), OLD) as environment:
        for armed in (False, True):
            server.script = [DROPS]
            before = len(server.requests(held.path))
            words = ("easy_install", "--index-url", index.url, "demo")
            done = setup_py(environment, index, *words, armed=armed)
            codes.append(done.returncode)
            asked.append(server.ranges(held.path)[before:])

    assert 0 not in codes
    assert asked[0] == asked[1] == [None]
    assert our_lines(done.stderr) == []
