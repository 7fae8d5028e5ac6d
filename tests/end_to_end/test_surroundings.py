"""Does healing work in odd places: without a home, beside pip's own update check, offline?

The rule: a real pip in a real surrounding, one fault, and what the servers saw.
Where this machine cannot offer the surrounding the test skips and says why.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Callable

import pytest

from tests.end_to_end.environments import Environment, our_lines
from tests.end_to_end.fetching import (
    CUT,
    SIZE,
    assert_healed,
    assert_resumed,
    fetch,
    last_line,
    or_skip,
)
from tests.end_to_end.namespaces import without_network
from tests.end_to_end.timing import shortest
from tests.faults import FaultServer, Silence, Status
from tests.packages import Index

if TYPE_CHECKING:
    from tests.faults import Scripted, Seen


# --- A bare container ---


def test_without_home_and_without_cache(oldest_and_newest: Environment) -> None:
    """A container's root often has neither, and there the network is often the worst."""
    environment = oldest_and_newest
    with FaultServer() as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [CUT]
        env = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_CACHE_DIR": os.path.join(os.devnull, "pip")}
        pip = ("env", "-u", "HOME", str(environment.executable), "-m", "pip")
        where = ("--no-deps", "--dest", "out", "--index-url", index.url)
        done = environment.run(*pip, "download", *where, "demo", env=env)

    assert_healed(done, environment, held)
    assert_resumed(server, held)


@pytest.mark.parametrize("fails", [False, True], ids=["self-check-well", "self-check-fails"])
def test_pips_look_for_its_own_update_takes_nothing_away(
    environment: Environment, fails: bool
) -> None:
    """It never retries, asks the same host, and from pip 26.1 on it comes first."""
    with FaultServer() as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        index.add_wheel("pip", "99")
        server.script = [CUT, Status(503).when("/simple/demo/", first=1)]
        if fails:
            server.script = [*server.script, Status(503).when("/simple/pip/")]
        # Only options reach an isolated pip, so its look for an update is on.
        done = fetch(environment, index.url, "--isolated")

    assert_healed(done, environment, held)
    assert len(server.requests("/simple/pip/")) == 1
    assert all("/simple/pip/" not in line for line in our_lines(done.stderr))


# --- Offline ---


@pytest.mark.parametrize(
    ("host", "patience", "seconds"),
    [("192.0.2.1", "2", 2.0), ("index.example", "150", 20.0)],
    ids=["address", "name"],
)
def test_offline_ends_soon_and_says_so(
    newest: Environment, host: str, patience: str, seconds: float
) -> None:
    """Nobody waits 150 seconds to be told that the cable is out."""
    pip = (
        *or_skip(without_network()),
        str(newest.executable),
        "-m",
        "pip",
        "download",
        "--index-url",
    )
    url = f"https://{host}/simple/"
    plain = newest.run(*pip, url, "--retries", "0", "demo", armed=False)
    began = time.monotonic()
    armed = newest.run(*pip, url, "demo", env={"PIP_RESILIENT_PATIENCE": patience})
    took = time.monotonic() - began

    assert plain.returncode == armed.returncode == 1
    assert seconds <= took < seconds + 8
    assert "network unreachable" in last_line(armed), armed.stderr
    assert "check that this machine is online" in last_line(armed)


# --- Ctrl-C ---


# What happens, and how the server knows that the client waits now.
WAITS: dict[str, tuple[Scripted, Callable[[Seen], bool]]] = {
    "between-attempts": (Status(503).when("/simple/"), lambda seen: seen.complete),
    "for-headers": (Silence(part="headers").when("/simple/"), lambda seen: True),
    "for-a-body": (Silence(after=1000).when("*.whl"), lambda seen: seen.body_bytes == 1000),
}


@pytest.mark.parametrize("while_", WAITS)
def test_ctrl_c_ends_pip_at_once(
    oldest_and_newest: Environment, server: FaultServer, while_: str
) -> None:
    """Patience that cannot be stopped is a hanging terminal."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    fault, waits = WAITS[while_]
    server.script = [fault]
    path = held.path if while_ == "for-a-body" else index.page_path("demo")
    arguments = ("download", "--dest", "out", "--index-url", index.url, "demo")

    def are_there(count: int) -> Callable[[FaultServer], bool]:
        """Count from here on: a plain pip may have asked twice before it was interrupted."""
        before = len(server.requests(path))
        return lambda server: sum(map(waits, server.requests(path)[before:])) >= count

    # Not after the first answer: then the armed pip imports what retries need, and CPython
    # exits by SIGINT, whatever pip returns, when one reached an eval such as namedtuple's.
    few = 2 if while_ == "between-attempts" else 1
    # A silent body has a second connection by then, opened in a thread of ours.
    more = 1 if while_ == "for-headers" else 2
    plain, _ = interrupted(oldest_and_newest, server, are_there(few), *arguments, armed=False)

    def once() -> float:
        fresh = oldest_and_newest.with_fresh_home()
        armed, seconds = interrupted(fresh, server, are_there(more), *arguments, armed=True)

        assert armed.returncode == plain.returncode != 0
        assert "Operation cancelled by user" in armed.stderr
        assert "Traceback" not in armed.stderr
        assert our_lines(armed.stdout) == []
        return seconds

    assert "Operation cancelled by user" in plain.stderr
    assert shortest(once, 1.5) <= 1.5


def interrupted(
    environment: Environment,
    server: FaultServer,
    seen: Callable[[FaultServer], bool],
    *arguments: str,
    armed: bool,
) -> tuple[subprocess.CompletedProcess[str], float]:
    """Start pip, press Ctrl-C once the server has seen something; say how long it took to end."""
    argv = [str(environment.executable), "-m", "pip", *arguments]
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment.environ(armed=armed),
        cwd=environment.work,
        text=True,
    ) as process:
        try:
            server.wait_until(seen, timeout=30)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            out, err = process.communicate(timeout=20)
            seconds = time.monotonic() - began
        finally:
            process.kill()
    return subprocess.CompletedProcess(argv, process.returncode, out, err), seconds
