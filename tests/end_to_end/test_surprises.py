"""Does pip go on when our own code fails while it is at work?

Not in the list: the guards themselves (`ResilientAdapter.send`, `_session_made`,
`Closing.tell`), which are what catches the others.

The rule: one function of ours is made to raise, in a private copy of the
installed package; pip then installs as if we were not there, and one line of
ours says why. Verification is the exception: it never fails open.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.faults import FaultServer, FlippedBit, Reset, Throttle
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess

    from tests.end_to_end.environments import Environment
    from tests.packages import Distribution

SIZE = 2_000_000

PLACES = [
    ("session/adapter.py", "proxy_manager_for"),
    ("session/exchange.py", "__init__"),
    ("session/exchange.py", "_attempt"),
    ("session/exchange.py", "take_over"),
    ("session/exchange.py", "answered"),
    ("session/exchange.py", "progress"),
    ("session/body.py", "__init__"),
    ("session/body.py", "_wants_more"),
    ("session/transfer.py", "__init__"),
    ("session/transfer.py", "step"),
    ("session/transfer.py", "_pull"),
    ("session/transfer.py", "_finish"),
    ("session/lane.py", "read"),
    ("session/lane.py", "release"),
    ("session/connect.py", "connect"),
    ("session/addresses.py", "in_order"),
    ("session/watch.py", "wait_for_answer"),
    ("session/head.py", "_first"),
    ("session/run.py", "digests_of"),
    ("policy/spans.py", "span_of"),
    ("policy/origins.py", "place_of"),
    ("hook.py", "_enlist"),
    ("hook.py", "_begin_run"),
    ("diagnosis.py", "last_line"),
]


def spoil(environment: Environment, module: str, function: str) -> None:
    """Let a function of the installed package raise at its first line."""
    path = environment.site_packages / "pip_resilient" / module
    text = path.read_text("utf-8")
    head = re.search(rf"( *)def {re.escape(function)}\((?:.|\n)*?\) -> [^\n]*:\n", text)
    assert head is not None, f"{module} has no {function}"
    spoiled = f'{head[1]}    raise RuntimeError("spoiled")\n'
    path.write_text(text[: head.end()] + spoiled + text[head.end() :], "utf-8")


def install(environment: Environment, index: Index) -> subprocess.CompletedProcess[str]:
    where = ("--index-url", index.url, "--dest", "out")
    return environment.pip("download", "--no-deps", *where, "demo")


def got(environment: Environment, held: Distribution) -> bytes:
    return (environment.work / "out" / held.filename).read_bytes()


def assert_pip_did_it_alone(
    done: subprocess.CompletedProcess[str], environment: Environment, held: Distribution
) -> None:
    """See that pip was content, with the right bytes, and that we said one line at most."""
    assert done.returncode == 0, done.stderr
    assert got(environment, held) == held.content
    assert len(our_lines(done.stderr)) <= 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("module", "function"), PLACES, ids=["-".join(p) for p in PLACES])
def test_an_error_of_ours_is_not_pips(
    damaged: Environment, server: FaultServer, module: str, function: str
) -> None:
    """A plugin that breaks installs on a healthy network is worse than none."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    spoil(damaged, module, function)
    done = install(damaged, index)

    assert_pip_did_it_alone(done, damaged, held)


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("session/lanes.py", "__init__"),
        ("session/lanes.py", "bring"),
        ("session/lanes.py", "_take"),
        ("session/lanes.py", "wait"),
        ("session/aside.py", "put"),
        ("policy/plan.py", "decide"),
        ("store/partials.py", "open"),
        ("store/partials.py", "write"),
    ],
)
def test_an_error_of_several_connections_lets_pip_fetch_the_file_alone(
    damaged: Environment, server: FaultServer, module: str, function: str
) -> None:
    """What has come may have come in any order."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=2 * SIZE)
    server.script = [Throttle(SIZE // 4).when("*.whl", first=4)]
    spoil(damaged, module, function)
    done = install(damaged, index)

    assert_pip_did_it_alone(done, damaged, held)
    assert "spoiled" in "".join(our_lines(done.stderr)), "it was never called"


@pytest.mark.parametrize("function", ["after", "ask", "_judge"])
def test_an_error_while_resuming_lets_pip_fetch_the_file_alone(
    damaged: Environment, server: FaultServer, function: str
) -> None:
    """Half a file from us and half from pip would be a wrong file."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [Reset(after=SIZE // 2).when("*.whl", first=1)]
    spoil(damaged, "session/continuation.py", function)
    done = install(damaged, index)

    assert done.returncode == 0, done.stderr
    assert got(damaged, held) == held.content
    assert "standing aside" in "".join(our_lines(done.stderr))


def test_verification_never_fails_open(damaged: Environment, server: FaultServer) -> None:
    """Wrong bytes must not get in because the code that judges them is broken."""
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [FlippedBit(SIZE // 2).when("*.whl")]
    spoil(damaged, "policy/digests.py", "mismatch")
    done = install(damaged, index)

    assert done.returncode == 1
    assert not (damaged.work / "out").exists() or not list((damaged.work / "out").iterdir())
