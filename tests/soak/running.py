"""How is a pip of the soak started, ended, and looked after?

The rule: every pip has a session (and so a process group), a current folder, a
TMPDIR and a folder for its probe of its own; the home, and with it the cache, is
that of the scene. What it said, how it ended and what it left is in `Done`;
nothing of it runs any more by then.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.end_to_end.namespaces import refusal, small_disk

if TYPE_CHECKING:
    from tests.end_to_end.environments import Environment
    from tests.soak.acts import Act, Command
    from tests.soak.worlds import OpenWorld

LONGEST = 120.0
"""Seconds of one pip; more is a violation."""
_GRACE = 10.0
"""Seconds that a process which pip has started may outlive it: its end has to be noticed."""


@dataclass
class Done:
    """One pip that has ended.

    Attributes:
        code: Exit code; negative: the signal that ended it.
        ended: What was done to it: `none`, `interrupt` or `kill`; `late` for the watchdog.
        ending: Seconds from the interrupt to the end.
        took: Seconds altogether.
        processes: What of its session was still running.
        probes: What its Pythons found at their end, by process.
        temporary: What it left in its TMPDIR, and of files whether they are empty.
    """

    command: Command
    argv: list[str]
    code: int
    stdout: str
    stderr: str
    work: Path
    environment: Environment
    ended: str
    ending: float = 0.0
    took: float = 0.0
    processes: list[str] = field(default_factory=list)
    probes: dict[str, list[str]] = field(default_factory=dict)
    temporary: list[str] = field(default_factory=list)


@dataclass
class _Pip:
    command: Command
    argv: list[str]
    process: subprocess.Popen[bytes]
    work: Path
    environment: Environment
    began: float


def can_mount() -> bool:
    """Tell whether a pip can be given a small disk in a mount namespace of its own."""
    return not refusal(small_disk("/mnt", "64k"))


def play(
    act: Act, world: OpenWorld, environment: Environment, place: Path, stack: contextlib.ExitStack
) -> list[Done]:
    """Let the pips of an act run, and return what became of them.

    Args:
        act: What they do.
        world: Where; the act's troubles are at work already.
        environment: Which pip, and the scene's home.
        place: An empty folder for what the act leaves.
        stack: Ends when nobody looks at copies of the environment any more.
    """
    before = world.requests(), world.bytes_sent()
    pips: list[_Pip] = []
    try:
        for number, command in enumerate(act.commands):
            own = environment
            if command.verb == "venv":
                copy = stack.enter_context(environment.throw_away_copy())
                own = dataclasses.replace(copy, home=environment.home)
            pips.append(_started(act, command, world, own, place / str(number)))
        moment = _end_early(act, world, pips, before)
        return [_finished(one, act.ending, moment) for one in pips]
    finally:
        for one in pips:
            _kill(one.process)
            one.process.wait()


def _started(
    act: Act, command: Command, world: OpenWorld, environment: Environment, work: Path
) -> _Pip:
    temporary, probe = work / "tmp", work / "probe"
    for folder in (temporary, probe):
        folder.mkdir(parents=True)
    extra = {
        **world.environ,
        **dict(act.environ),
        "TMPDIR": str(temporary),
        "SOAK_PROBE": str(probe),
    }
    argv = [str(environment.executable), "-m", "pip", *command.arguments(world, work)]
    if act.disk is not None:
        which, size = act.disk
        small = temporary if which == "tmp" else environment.pip_cache
        small.mkdir(parents=True, exist_ok=True)
        argv = [*small_disk(str(small), f"{size}k"), *argv]
    with (work / "stdout").open("wb") as out, (work / "stderr").open("wb") as err:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment.environ(armed=True, extra=extra),
            cwd=work,
            start_new_session=True,
        )
    return _Pip(command, argv, process, work, environment, time.monotonic())


def _end_early(act: Act, world: OpenWorld, pips: list[_Pip], before: tuple[int, int]) -> float:
    """Press Ctrl-C or kill, if the act says so; return when that was."""
    if act.ending == "none":
        return 0.0
    nap = threading.Event()
    limit = time.monotonic() + LONGEST / 2
    size = act.share * sum(one.size for one in act.commands[0].wanted(world.plan))
    while world.requests() == before[0] or world.bytes_sent() - before[1] < size:
        if time.monotonic() > limit or all(one.process.poll() is not None for one in pips):
            break
        nap.wait(0.01)
    nap.wait(act.after)
    number = signal.SIGINT if act.ending == "interrupt" else signal.SIGKILL
    for one in pips:
        _kill(one.process, number)
    return time.monotonic()


def _finished(pip: _Pip, ended: str, moment: float) -> Done:
    process, work = pip.process, pip.work
    try:
        process.wait(max(0.0, pip.began + LONGEST - time.monotonic()))
    except subprocess.TimeoutExpired:
        ended = "late"
    now = time.monotonic()
    left = [] if ended in {"kill", "late"} else _still_running(process.pid)
    _kill(process)
    return Done(
        command=pip.command,
        argv=pip.argv,
        code=process.wait(),
        stdout=(work / "stdout").read_text(encoding="utf-8", errors="backslashreplace"),
        stderr=(work / "stderr").read_text(encoding="utf-8", errors="backslashreplace"),
        work=work,
        environment=pip.environment,
        ended=ended,
        ending=now - moment,
        took=now - pip.began,
        processes=left,
        probes={one.name: one.read_text().splitlines() for one in (work / "probe").iterdir()},
        temporary=sorted(map(_told, (work / "tmp").iterdir())),
    )


def _told(left: Path) -> str:
    is_empty = not any(left.iterdir()) if left.is_dir() else not left.stat().st_size
    return f"{left.name} (empty)" if is_empty else left.name


def _kill(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """Send a signal to all that a pip of ours consists of."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _still_running(session: int) -> list[str]:
    """Return the processes of a session whose first one has ended, once they had their time."""
    limit = time.monotonic() + _GRACE
    nap = threading.Event()
    while True:
        found = _of_session(session)
        if not found or time.monotonic() > limit:
            return found
        nap.wait(0.05)


def _of_session(session: int) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # After the name, which may hold anything: state, parent, group, session.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and int(folder.name) != session and fields[0] != "Z":
                words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                found.append(f"{folder.name}: {' '.join(words)}")
    return found
