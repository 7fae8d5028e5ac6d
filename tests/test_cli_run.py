"""Does `run` become the command, armed and otherwise as it was, or say in one line why not?

The rule: the plugin lies where pip would have laid it, beside wrapt, and a
Python of its own is asked; which pips are reached so is asked end to end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import wrapt

from pip_resilient import carrying
from pip_resilient.cli import reaching

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes, and no exec that waits")

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The plugin and wrapt in one folder, which nobody else may write to."""
    home = tmp_path / "lib" / "site-packages"
    for package in (Path(carrying.PLUGIN), Path(wrapt.__file__).parent):
        left = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, home / package.name, ignore=left)
    for path in (home, *home.rglob("*")):
        path.chmod(0o755)
    return home


def run(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Let the plugin of that folder run a command."""
    return started(home, "-m", "pip_resilient", "run", *words, **more)


def started(
    home: Path, *words: str, before: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """Start a Python that has that folder on PYTHONPATH, and `before` behind it."""
    path = os.pathsep.join([str(home), *([before] if before else [])])
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=home.parent,
    )


def test_the_command_gets_two_variables_and_nothing_else(home: Path) -> None:
    """What it would have found is found by it still, only behind the carrier."""
    show = ("-c", SHOW)
    alone = started(home, *show, before="theirs", PIP_RESILIENT="0")
    done = run(home, "--", sys.executable, *show, before="theirs", PIP_RESILIENT="0")
    carrier = str(home / "pip_resilient" / "carrier")
    path = os.pathsep.join([carrier, str(home), "theirs"])

    assert (done.returncode, done.stderr) == (0, "")
    expected = {**json.loads(alone.stdout), "PIP_RESILIENT": "1", "PYTHONPATH": path}
    assert json.loads(done.stdout) == expected


@pytest.mark.parametrize("dashes", [["--"], []])
def test_its_options_are_its_own(home: Path, dashes: list[str]) -> None:
    """`--help` behind the command asks the command."""
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"
    done = run(home, *dashes, sys.executable, "-c", code, "--help", "--", "-x y")

    assert (done.returncode, done.stdout) == (7, "['--help', '--', '-x y']\n")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "no command is given; for example: pip-resilient run -- ./build.sh"),
        (["--"], 2, "no command is given; for example: pip-resilient run -- ./build.sh"),
        (["--", ""], 2, "no command is given; for example: pip-resilient run -- ./build.sh"),
        (["--", "", "x"], 2, "no command is given; for example: pip-resilient run -- ./build.sh"),
        (["--", "no-such-command"], 127, "no-such-command: not found"),
        (["--", "./no-such-command"], 127, "./no-such-command: not found"),
        (["--", os.sep], 126, f"{os.sep}: Permission denied"),
    ],
)
@posix
def test_what_cannot_be_run_is_said_in_one_line(
    home: Path, words: list[str], code: int, said: str
) -> None:
    """Scripts know these codes from env, nohup and timeout."""
    done = run(home, *words)

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == f"pip-resilient: {said}\n"


@posix
def test_what_others_may_write_to_is_not_handed_to_anybody(home: Path) -> None:
    """The command would run what they lay there, in each of its Pythons."""
    (home / "pip_resilient" / "carrier").chmod(0o777)
    done = run(home, "--", sys.executable, "-c", "print('it ran')")

    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("pip-resilient: not run: others than you and root may write to")
    assert len(done.stderr.splitlines()) == 1


def test_what_is_not_reached_is_said_and_run_all_the_same(home: Path) -> None:
    """It is the user's command; only the help is missing."""
    done = run(home, "--", sys.executable, "-I", "-c", "print('it ran')")
    (notice,) = reaching.of(["python", "-I"], {}, os.curdir).notices

    assert (done.returncode, done.stdout) == (0, "it ran\n")
    assert done.stderr == f"pip-resilient: {notice}\n"


def test_one_run_in_another_is_as_good_as_one(home: Path) -> None:
    """Scripts that call scripts would make the path longer and longer."""
    again = (sys.executable, "-m", "pip_resilient", "run", "--", sys.executable, "-c", SHOW)
    once = json.loads(run(home, "--", *again[5:]).stdout)
    twice = json.loads(run(home, "--", *again).stdout)

    assert twice["PYTHONPATH"] == once["PYTHONPATH"]
