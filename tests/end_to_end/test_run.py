"""Does `pip-resilient run` reach pips that the plugin is not installed beside?

The rule: one environment has the plugin and starts the command, another one, of
another Python, has nothing of ours; the variable is set by `run` alone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, left_of_ours, our_lines
from tests.end_to_end.fetching import (
    BACKEND_CUT,
    CUT,
    NEWEST,
    OLDEST,
    SIZE,
    assert_healed,
    assert_resumed,
    last_line,
    of_pip,
)
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.faults import FaultServer

RUN = ("pip-resilient", "run", "--")
# Who runs, and what is reached: both ends, crosswise, and a Python of its own each.
PAIRS = [(NEWEST, OLDEST), (OLDEST, NEWEST), (NEWEST, "26.0.1"), (NEWEST, NEWEST)]
crosswise = pytest.mark.parametrize(
    ("outer", "inner"), PAIRS, ids=[f"{outer}-runs-{inner}" for outer, inner in PAIRS]
)


def plain(version: str) -> Environment:
    """Return an environment that has nothing of ours, and a home of its own."""
    return of_pip(version, plugin=False)


def run(
    outer: Environment, *words: str, home: Environment | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Let an environment's `pip-resilient` run a command, in the home of another one."""
    there = {"HOME": str((home or outer).home), **env}
    return outer.run(*RUN, *words, armed=False, env=there, cwd=(home or outer).work)


def download(index: Index) -> tuple[str, ...]:
    return ("-m", "pip", "download", "--no-deps", "--dest", "out", "--index-url", index.url, "demo")


def compiled(environment: Environment) -> set[Path]:
    """Return what bytecode of ours lies in an environment, and of wrapt's."""
    folders = (environment.site_packages / name for name in ("pip_resilient", "wrapt"))
    return {path for folder in folders for path in folder.rglob("*.pyc")}


# What is reached.


@crosswise
def test_a_fresh_environment_heals(outer: str, inner: str, server: FaultServer) -> None:
    """The very first pip of an environment is the one that fetches most."""
    runner, fresh = of_pip(outer), plain(inner)
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    done = run(runner, str(fresh.executable), *download(index), home=fresh)

    assert_healed(done, fresh, held)
    assert_resumed(server, held)
    assert left_of_ours(fresh) == []


@crosswise
def test_its_isolated_build_heals(outer: str, inner: str, server: FaultServer) -> None:
    """Build requirements are fetched by a pip of their own, which nobody sees."""
    runner, fresh = of_pip(outer), plain(inner)
    index = Index(server)
    backend = index.add_backend(size=SIZE)
    index.add_sdist("demo", "1.0")
    server.script = [BACKEND_CUT]
    done = run(runner, str(fresh.executable), *download(index), home=fresh)

    assert done.returncode == 0, done.stderr
    assert "healed 1 interruption" in last_line(done)
    assert_resumed(server, backend)


def test_pip_for_another_python(server: FaultServer) -> None:
    """An environment without any pip is filled from outside."""
    runner, other = of_pip(NEWEST), plain(NEWEST)
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    words = ("--python", str(other.executable), *download(index)[2:])
    done = run(runner, str(plain("25.3").executable), "-m", "pip", *words, home=other)

    assert_healed(done, other, held)


def test_a_build_in_an_environment_of_its_own_heals(
    newest: Environment, server: FaultServer
) -> None:
    """pip 26.3 empties PYTHONPATH there, and nothing is installed in it."""
    index = Index(server)
    backend = index.add_backend(size=SIZE)
    index.add_sdist("demo", "1.0")
    server.script = [BACKEND_CUT]
    words = (*download(index)[2:], "--use-feature=venv-isolation")
    done = newest.pip(*words)

    assert done.returncode == 0, done.stderr
    assert "healed 1 interruption" in last_line(done)
    assert_resumed(server, backend)


def test_so_it_does_under_run(server: FaultServer) -> None:
    """There the parent itself has come by PYTHONPATH."""
    fresh = plain(NEWEST)
    index = Index(server)
    backend = index.add_backend(size=SIZE)
    index.add_sdist("demo", "1.0")
    server.script = [BACKEND_CUT]
    words = (*download(index), "--use-feature=venv-isolation")
    done = run(of_pip(OLDEST), str(fresh.executable), *words, home=fresh)

    assert done.returncode == 0, done.stderr
    assert "healed 1 interruption" in last_line(done)
    assert_resumed(server, backend)


def test_a_carrier_that_others_may_write_to_is_not_used(
    newest: Environment, server: FaultServer
) -> None:
    """The build goes on without us, and that is said."""
    index = Index(server)
    index.add_backend()
    index.add_sdist("demo", "1.0")
    words = (*download(index)[2:], "--use-feature=venv-isolation")
    with newest.throw_away_copy() as damaged:
        (damaged.site_packages / "pip_resilient").chmod(0o777)
        done = damaged.pip(*words)
        refused = damaged.run(*RUN, "true", armed=False)

    assert done.returncode == 0, done.stderr
    assert "others than you and root may write to" in done.stderr
    assert refused.returncode == 125
    assert len(refused.stderr.splitlines()) == 1
    assert "others than you and root may write to" in refused.stderr


# What is not, and is said.


def test_an_isolated_python_is_not_reached_and_that_is_said(server: FaultServer) -> None:
    """It would look as if the plugin did not help."""
    fresh = plain("25.3")
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    done = run(of_pip(NEWEST), str(fresh.executable), "-I", *download(index), "-vvv", home=fresh)

    assert done.returncode == 0, done.stderr
    assert "is on for" not in done.stdout
    assert [line.partition(" ignores")[0] for line in our_lines(done.stderr)] == [
        "pip-resilient: python -I"
    ]


# What stays as it was.


@crosswise
def test_pip_lists_the_same(outer: str, inner: str) -> None:
    """What pip sees as installed, it uninstalls, upgrades and depends on."""
    fresh = plain(inner)
    alone = fresh.pip("list", "--format=json", armed=False)
    done = run(
        of_pip(outer), str(fresh.executable), "-m", "pip", "list", "--format=json", home=fresh
    )

    assert (done.returncode, done.stdout) == (0, alone.stdout)
    assert our_lines(done.stderr) == []


@crosswise
def test_nothing_is_left_behind(outer: str, inner: str, server: FaultServer) -> None:
    """pip could not remove what another Python had compiled in its folder."""
    runner, fresh = of_pip(outer), plain(inner)
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    before, temporary = compiled(runner), set((fresh.home / "tmp").iterdir())
    run(runner, str(fresh.executable), *download(index), home=fresh)
    tag = "cpython-" + fresh.python_version.replace(".", "")
    own = "cpython-" + runner.python_version.replace(".", "")

    assert {path for path in compiled(runner) - before if tag in path.name and tag != own} == set()
    assert set((fresh.home / "tmp").iterdir()) == temporary


def test_a_second_sitecustomize_runs(tmp_path: Path) -> None:
    """Coverage and many distributions have one."""
    (tmp_path / "sitecustomize.py").write_text("print('theirs')")
    fresh = plain("25.3")
    code = "import sys; print(any(hasattr(one, 'waits_for_pip') for one in sys.meta_path))"
    path = {"PYTHONPATH": str(tmp_path)}
    done = run(of_pip(NEWEST), str(fresh.executable), "-c", code, home=fresh, **path)

    assert done.stdout.split() == ["theirs", "True"]


# What is told of it.


@crosswise
def test_status_knows_the_carrier(outer: str, inner: str) -> None:
    """Nothing is installed there, and yet its pip is armed."""
    runner, fresh = of_pip(outer), plain(inner)
    words = ("-m", "pip_resilient", "status", "--json")
    done = run(runner, str(fresh.executable), *words, home=fresh)
    said = json.loads(done.stdout)
    carrier = str(runner.site_packages / "pip_resilient" / "carrier")

    assert (done.returncode, done.stderr) == (0, "")
    assert said["armed"] is True
    assert said["problems"] == []
    assert said["carrier"] == {"folder": carrier, "hidden_by": "", "armed": True}
    assert said["pip"]["version"] == inner
    assert said["prefix"] == str(fresh.root)


# The command itself.


@pytest.mark.parametrize("code", [0, 1, 7])
def test_the_exit_code_is_the_commands(newest: Environment, code: int) -> None:
    """Scripts decide by it."""
    done = run(newest, "sh", "-c", f"echo out; echo err >&2; exit {code}")

    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "err\n")


def test_what_cannot_be_run_is_said(newest: Environment) -> None:
    """With the codes that env and nohup use."""
    missing = run(newest, "no-such-command")
    forbidden = run(newest, "/")
    none = newest.run("pip-resilient", "run", armed=False)

    assert [done.returncode for done in (missing, forbidden, none)] == [127, 126, 2]
    assert missing.stderr == "pip-resilient: no-such-command: not found\n"
    assert none.stderr.startswith("pip-resilient: no command is given")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_command(newest: Environment, number: int) -> None:
    """A CI that stops a job must stop all of it, and see by what it ended."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with newest.started(*RUN, "python", "-c", code, armed=False) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(number)
        ended = process.wait(10)
        process.stdout.close()

    assert child == process.pid
    assert ended == -number


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_no_signal_is_ignored_that_was_not(newest: Environment) -> None:
    """Python ignores SIGPIPE: a `yes | head` under it would never end."""
    show = ("grep", "SigIgn", "/proc/self/status")

    assert run(newest, *show).stdout == newest.run(*show, armed=False).stdout
