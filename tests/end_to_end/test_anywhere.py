"""Does every command end in words wherever it is started, and never in a traceback?

The rule: each command is started in surroundings that lack something: variables,
a home, a terminal, pip, one of the two packages that we need. It may find a
problem, and says so in lines; what it cannot do at all, in one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import NEWEST, of_pip, or_skip
from tests.end_to_end.namespaces import read_only
from tests.faults import refused_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.end_to_end.environments import Environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the Bourne shell closes files")
COMMANDS = (
    ("--help",),
    ("status",),
    ("doctor",),
    ("mirrors",),
    ("report",),
    ("cache",),
    ("cache", "purge"),
    ("enable",),
    ("completion", "bash"),
    ("run", "true"),
)
FEW = (("--help",), ("status",), ("report",), ("cache",), ("enable",), ("completion", "bash"))
ASKING = ("doctor",)
"""Those that need urllib3."""


@pytest.fixture
def copy() -> Iterator[Environment]:
    with of_pip(NEWEST).throw_away_copy() as private:
        yield private


@pytest.fixture
def index() -> Iterator[str]:
    """An index that nobody waits for."""
    with refused_port() as port:
        yield f"http://127.0.0.1:{port}/simple/"


def outcomes(
    environment: Environment,
    *around: str,
    keep: tuple[str, ...] = (),
    commands: tuple[tuple[str, ...], ...] = COMMANDS,
    **env: str,
) -> dict[str, subprocess.CompletedProcess[str]]:
    """Run commands, each behind the same words, with these variables and hardly any others."""
    script = str(environment.executable.parent / "pip-resilient")
    whole = {**environment.environ(armed=True), **env}
    kept = {name: whole[name] for name in ("PATH", *keep, *env)}
    return {
        " ".join(words): subprocess.run(
            [*around, script, *words],
            env=kept,
            cwd=environment.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="ascii",  # whatever the locale
            timeout=60,
            check=False,
        )
        for words in commands
    }


def assert_in_words(done: dict[str, subprocess.CompletedProcess[str]]) -> None:
    """See that each ended as it may, and said something."""
    for command, one in done.items():
        told = f"{command}: {one.returncode}\n{one.stdout}\n{one.stderr}"
        assert one.returncode in {0, 1}, told
        assert "Traceback" not in one.stderr, told
        assert "Exception ignored" not in one.stderr, told
        assert one.stderr.splitlines() == our_lines(one.stderr), told
        assert one.returncode == 0 or one.stdout or one.stderr, told


def test_without_a_variable(copy: Environment, index: str) -> None:
    """As cron starts it, and `env -i`."""
    config = copy.root / "pip.conf"
    config.write_text(f"[global]\nindex-url = {index}\n")
    done = outcomes(copy)

    assert_in_words(done)
    assert done["status"].stdout.startswith("not armed: PIP_RESILIENT is not set")


def test_with_a_home_that_is_not_there(copy: Environment, index: str) -> None:
    done = outcomes(copy, HOME="/nonexistent/home", LC_ALL="C", PIP_INDEX_URL=index)

    assert_in_words(done)


def test_with_a_cache_that_cannot_be_written(copy: Environment, index: str) -> None:
    """As in many containers."""
    cache = copy.home / "cache"
    runs = cache / "pip-resilient" / "runs"
    runs.mkdir(parents=True)
    around = or_skip(read_only(str(cache)))  # a mode would not keep root from writing
    done = outcomes(copy, *around, PIP_CACHE_DIR=str(cache), PIP_INDEX_URL=index)

    assert_in_words(done)
    assert list(cache.rglob("*")) == [runs.parent, runs]


def _no_pip(site: Path) -> None:
    shutil.rmtree(site / "pip")


def _broken_pip(site: Path) -> None:
    (site / "pip" / "_internal" / "__init__.py").write_text("this is no Python\n")


def _no_wrapt(site: Path) -> None:
    shutil.rmtree(site / "wrapt")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_no_pip, "No module named 'pip'"),
        (_broken_pip, "SyntaxError"),
        (_no_wrapt, "No module named 'wrapt'"),
    ],
)
def test_without_what_pip_needs(
    copy: Environment, index: str, damage: Callable[[Path], None], said: str
) -> None:
    """Then it is looked for here what is wrong."""
    damage(copy.site_packages)
    done = outcomes(copy, keep=("HOME",), PIP_INDEX_URL=index, PIP_RESILIENT="1")
    refused = done.pop("run true") if damage is _no_wrapt else done["run true"]

    assert_in_words(done)
    assert said in " ".join(done["status"].stdout.split())
    assert done["status"].stdout.startswith("not armed: ")
    assert done["status"].returncode == 1
    assert refused.returncode == (125 if damage is _no_wrapt else 0)
    assert len(refused.stderr.splitlines()) == (1 if damage is _no_wrapt else 0)


def test_without_urllib3_all_that_asks_nobody_works(copy: Environment, index: str) -> None:
    shutil.rmtree(copy.site_packages / "urllib3")
    done = outcomes(copy, keep=("HOME",), PIP_INDEX_URL=index, PIP_RESILIENT="1")

    assert_in_words(done)
    assert done["status"].returncode == 0
    for command in ASKING:
        assert done[command].returncode == 1
        assert done[command].stdout == ""
        assert done[command].stderr == (
            "pip-resilient: urllib3 is missing; python -m pip install urllib3\n"
        )


@pytest.mark.parametrize(
    "redirected", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "| head -n 1", ">/dev/full"]
)
def test_with_files_that_are_closed_or_full(copy: Environment, redirected: str) -> None:
    """As daemons start it, and pagers end it."""
    around = ("sh", "-c", f'"$@" {redirected}', "sh")
    done = outcomes(copy, *around, keep=("HOME",), commands=FEW, PIP_RESILIENT="1")
    for one in done.values():
        if one.returncode and "&-" in redirected:
            one.stdout += "closed"

    if redirected == ">/dev/full":
        one = done["status"]
        assert one.returncode == 1
        assert one.stderr == "pip-resilient: standard output: No space left on device\n"
        del done["--help"]  # argparse's own
    assert_in_words(done)


def test_no_line_is_wider_than_a_narrow_terminal(copy: Environment, index: str) -> None:
    """But for what is to be pasted, which must not be folded, and paths."""
    done = outcomes(copy, keep=("HOME",), PIP_INDEX_URL=index, COLUMNS="40", NO_COLOR="1")
    for command in ("doctor", "mirrors", "cache"):
        lines = [line for line in done[command].stdout.splitlines() if not line.startswith("    ")]
        assert max(len(line) for line in lines) <= 40, done[command].stdout
        assert "\x1b" not in done[command].stdout


def test_quiet_hides_notices_alone(copy: Environment) -> None:
    """Why nothing came of it is no notice."""
    script = "pip-resilient"
    quiet = copy.run(script, "enable", "--write", "-q", armed=False)
    failed = copy.run(script, "report", "-q", armed=False)

    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert quiet.stdout
    assert failed.returncode == 1
    assert len(our_lines(failed.stderr)) == 1
