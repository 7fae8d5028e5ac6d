"""What does a user, or a script, get to read?

The rule: on a healthy network nothing of ours, byte for byte; in trouble, lines on
stderr alone, plain ASCII, each saying whose it is, and none with a password.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from typing import Any

import pytest

from tests.end_to_end.environments import Environment, our_lines
from tests.end_to_end.fetching import CUT, SIZE, assert_healed, fetch, last_line, of_pip
from tests.faults import FaultProxy, FaultServer, Fin, Reset, Status, unavailable
from tests.packages import Index

# Spaces: pip indents what is said during a download.
OURS = re.compile(r" *(WARNING: )?pip-resilient: [ -~]+")
SECRET = "hunter2"
WAITS = "import sys; print(any(hasattr(one, 'waits_for_pip') for one in sys.meta_path))"


def normalised(text: str, environment: Environment) -> str:
    """Take out what differs between two runs of plain pip: folders, speeds and ports."""
    text = text.replace(str(environment.home), "HOME")
    text = re.sub(r"[^\n]*[\d.]+/[\d.]+ [kM]?B [^\n]*\n", "BAR\n", text)
    return re.sub(r"127\.0\.0\.1:\d+", "SERVER", text)


# --- Nothing to say ---


def seen(environment: Environment, *start: str, command: str, armed: bool) -> tuple[Any, Any]:
    """Return what a healthy pip says, and what it asks for.

    Args:
        environment: Whose home it has.
        start: What starts pip.
        command: `install` or `download`.
        armed: Whether PIP_RESILIENT is set.
    """
    run = environment.with_fresh_home()
    to = "--target" if command == "install" else "--dest"
    with FaultServer() as server:
        index = Index(server)
        index.add_wheel("demo", "1.0", size=SIZE, requires=["other>=1"])
        index.add_wheel("other", "1.0", size=SIZE)
        words = (command, "--index-url", index.url, to, str(run.home / "to"), "demo")
        done = run.run(*start, *words, armed=armed)
        asked = [
            (s.method, s.path, [p for p in s.headers if p[0] != "Host"], s.connection)
            for s in server.log
        ]
    said = (normalised(text, run) for text in (done.stdout, done.stderr))
    return (done.returncode, *said), asked


@pytest.mark.parametrize("command", ["install", "download"])
def test_a_healthy_run_is_the_same_to_the_byte(environment: Environment, command: str) -> None:
    """A plugin that can be seen, or that asks for more, will be blamed for everything."""
    start = ("python", "-m", "pip")
    plain = seen(environment, *start, command=command, armed=False)

    assert seen(environment, *start, command=command, armed=True) == plain
    assert plain[0][0] == 0, plain


def test_so_it_is_under_run(environment: Environment) -> None:
    """There nothing of ours is installed beside that pip."""
    with environment.throw_away_copy() as fresh:
        for name in ("pip_resilient*", "wrapt*", "urllib3*"):
            for path in fresh.site_packages.glob(name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        start = (str(fresh.executable), "-m", "pip")
        through = (str(environment.executable.parent / "pip-resilient"), "run", "--")
        waits = fresh.run(*through, start[0], "-c", WAITS, armed=False).stdout
        plain = seen(fresh, *start, command="install", armed=False)

        assert seen(fresh, *through, *start, command="install", armed=False) == plain
        assert plain[0][0] == 0, plain
        assert waits == "True\n"


@pytest.mark.parametrize(
    "command", [("freeze",), ("--version",), ("config", "list"), ("cache", "dir"), ("check",)]
)
def test_commands_without_network_say_nothing_of_ours(
    oldest_and_newest: Environment, command: tuple[str, ...]
) -> None:
    """Scripts read them; `pip config list` shows our variables only because it shows all."""
    plain = oldest_and_newest.pip(*command, armed=False)
    armed = oldest_and_newest.pip(*command)
    shown = armed.stdout.replace(":env:.resilient='1'\n", "")

    assert plain.returncode == armed.returncode
    assert (shown, armed.stderr) == (plain.stdout, plain.stderr)


# --- stdout belongs to pip ---


def test_outdated_as_json_stays_json(environment: Environment) -> None:
    """Dashboards parse it; pip up to 21.3 asks with several threads at once."""
    names = ("demo", "other", "third")
    folder = environment.home / "site"
    with FaultServer() as server:
        index = Index(server)
        for name in names:
            old = index.add_wheel(name, "1.0")
            index.add_wheel(name, "2.0")
            zipfile.ZipFile(io.BytesIO(old.content)).extractall(folder)
        server.script = [Reset(after=20).when("/simple/", first=3)]
        where = ("--index-url", index.url, "--path", str(folder))
        done = environment.pip("list", "--outdated", "--format", "json", *where)
    listed = {
        each["name"]: (each["version"], each["latest_version"]) for each in json.loads(done.stdout)
    }

    assert done.returncode == 0, done.stderr
    assert listed == dict.fromkeys(names, ("1.0", "2.0"))
    assert "healed 3 interruptions" in last_line(done)


@pytest.mark.parametrize("pip", ["21.3.1", "26.0.1", "26.3"])
def test_index_versions_lists_what_stands_behind_the_cut(server: FaultServer, pip: str) -> None:
    """A page cut short shows an old version as the newest."""
    environment, index = of_pip(pip), Index(server)
    for version in ("1.0", "2.0"):
        index.add_wheel("demo", version)
    server.script = [Fin(after=500).when("/simple/", first=1)]
    done = environment.pip("index", "versions", "--index-url", index.url, "demo")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "demo (2.0)"
    assert our_lines(done.stdout) == []
    assert "healed 1 interruption" in last_line(done)


def test_our_lines_are_ascii_marked_and_on_stderr(
    environment: Environment, server: FaultServer
) -> None:
    """Anything else spoils what is parsed, and crashes where the locale is C."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    page = "<title>\u65c5\u9928 \x1b[31mWi-Fi</title><form>".encode()
    portal = Status(200, page, "text/html; charset=utf-8").when("/simple/", first=1)
    server.script = [portal, CUT]
    done = fetch(environment, index.url, env={"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"})
    ours = our_lines(done.stderr)

    assert_healed(done, environment, held)
    assert len(ours) == 3
    assert [line for line in ours if not OURS.fullmatch(line)] == []
    assert "pip-resilient" not in done.stdout


@pytest.mark.parametrize(("quiet", "expected"), [("-q", True), ("-qq", False)])
def test_quiet_keeps_our_lines_and_quieter_does_not(
    oldest_and_newest: Environment, server: FaultServer, quiet: str, expected: bool
) -> None:
    """-q keeps pip's warnings, -qq is for those who want none of them."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    done = fetch(oldest_and_newest, index.url, quiet)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert len(server.ranges(held.path)) == 2
    assert bool(done.stderr) is expected


def test_the_log_file_tells_what_was_healed(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """It is what people attach to an issue."""
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    log = oldest_and_newest.home / "pip.log"
    done = fetch(oldest_and_newest, index.url, "-q", "--log", str(log))
    logged = our_lines(log.read_text("utf-8"))

    assert done.returncode == 0, done.stderr
    assert "resuming" in logged[0]
    assert "healed" in logged[-1]
    assert [line.partition("WARNING: ")[2] for line in logged] == [
        line.partition("WARNING: ")[2] for line in our_lines(done.stderr)
    ]


# --- Passwords ---


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_no_password_is_ever_written(
    oldest_and_newest: Environment, server: FaultServer, ends: str
) -> None:
    """Logs of CI runs are public, and so is what is pasted into an issue."""
    environment = oldest_and_newest
    with FaultProxy(require=("jane", SECRET)) as proxy:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [CUT] if ends == "well" else [unavailable().when("*.whl")]
        proxy.refuse_next(1, 503)
        url = index.url.replace("://", f"://user:{SECRET}@")
        through = proxy.url.replace("://", f"://jane:{SECRET}@")
        log, ndjson = environment.home / "pip.log", environment.home / "events.ndjson"
        env = {"PIP_RESILIENT_LOG": str(ndjson), "PIP_RESILIENT_PATIENCE": "1"}
        done = fetch(environment, url, "--proxy", through, "--log", str(log), env=env)
    events = [json.loads(line) for line in ndjson.read_text("ascii").splitlines()]

    assert (done.returncode == 0) is (ends == "well"), done.stderr
    assert any(event["event"] == "retried" for event in events)
    assert len(our_lines(done.stderr)) >= 2
    assert SECRET not in done.stdout + done.stderr
    assert SECRET not in log.read_text("utf-8")
    assert SECRET not in ndjson.read_text("ascii")
    assert held.filename in ndjson.read_text("ascii")
