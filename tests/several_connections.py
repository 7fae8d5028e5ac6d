"""How do several connections bring a file that is small enough for a test?

The rule: nothing is decided otherwise, only sooner. What policy waits for and
measures takes a tenth of its time or less, and a piece is a few kilobytes; a
server whose connections are slow makes it worth while. Everything else is real:
pip's Downloader, its session, sockets.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import random
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import currently_in_test_context, note
from pip._internal.models.link import Link

from pip_resilient.policy import claims, growth, plan, silence, speed, steering
from pip_resilient.session import aside
from pip_resilient.store import partials
from tests import unfinished
from tests.faults import FaultServer, Throttle, Together
from tests.pip_in_process import clean_errors, hooked_pip
from tests.unfinished import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pip_resilient.events import Event
    from tests.faults import Fault, Seen
    from tests.pip_in_process import HookedPip

PATH = "/demo-1.0.whl"
CONTENT = random.Random(0).randbytes(3_000_000)
"""Everywhere different, so that no wrong joint goes unnoticed."""
OTHER = random.Random(1).randbytes(len(CONTENT) + 5)
RATE = 1_000_000
"""Bytes per second of one connection."""
TICK = 0.005
PIECE = 32 * 1024
"""Bytes that a connection takes at least, while there are so many."""

_SOONER: tuple[tuple[Any, dict[str, Any]], ...] = (
    (silence, {"_CALM": 0.02, "_SOON": 0.1, "_SHORTEST_PAUSE": 0.005}),
    (growth, {"LONG": 0.1, "_MEASURED": 0.03, "_EARLY": 0.02, "_PROVEN_AFTER": 0.01}),
    (growth, {"_WORTHWHILE": 2 * PIECE, "_PATIENCE": 0.15}),
    (claims, {"MIB": PIECE, "_LONGEST": 16 * PIECE, "_SPAN": 0.1, "_WORTH": 0.05}),
    (claims, {"_GAIN": 0.02, "LEAST": 4096, "_YOUNG": 0.1}),
    (plan, {"_LOOK": 0.005, "_FIRST_WAIT": 0.05, "_LONGEST_WAIT": 0.4, "_FLOWS": 0.2}),
    (steering, {"_SOON": 0.005, "_LATENCY": 0.01}),
    (speed, {"_TOGETHER": 0.001}),
    (aside, {"_NOTED_EVERY": PIECE // 2}),
    (partials, {"SMALLEST": 2 * PIECE}),
)


@contextlib.contextmanager
def early_growth() -> Iterator[None]:
    """Let several connections come in early, and small files be kept, for a while."""
    with contextlib.ExitStack() as stack:
        for module, sooner in _SOONER:
            for name, value in sooner.items():
                stack.enter_context(mock.patch.object(module, name, value))
        yield


def in_turn(faults: Iterable[Fault], rate: float = RATE) -> list[Any]:
    """Give each request one fault, in turn; all connections are slow."""
    slow = Throttle(rate, TICK)
    return [*(Together((fault, slow)).when(first=1) for fault in faults), slow]


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """See that no thread of ours and no open file, folder or socket is left."""
    before = _open_files()
    logging.disable(logging.CRITICAL)  # a record with a traceback keeps what it is about
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
    gc.collect()

    assert _openers() == []
    assert _open_files() - before == set()


def _openers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("pip-resilient-")]


def _wait_for_openers() -> None:
    for thread in _openers():
        thread.join(2.0)

    assert _openers() == []


def _open_files() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd") if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):  # that of the listing itself is gone
            found.add(f"{number}: {os.readlink(f'/proc/self/fd/{number}')}")
    return found


@contextlib.contextmanager
def playing(
    script: list[Any], state: str | None = None, **options: Any
) -> Iterator[tuple[FaultServer, HookedPip]]:
    """Play a server and a hooked pip that no surprise may take out of its way.

    Args:
        script: The server's.
        state: Folder for what is kept for the next run; None: nothing is.
        options: Those of `hooked_pip`.
    """
    with FaultServer(script=script) as server, early_growth(), hooked_pip(**options) as pip:
        pip.run.state_dir = state
        yield server, pip
        _wait_for_openers()  # as long as they know that they were called off
        if currently_in_test_context():
            note(str([(one.range, one.status, one.body_bytes, one.fault) for one in server.log]))
            note("\n".join([*pip.said, *map(str, pip.run.happened)]))
        assert pip.surprises == []


@dataclass
class Outcome:
    """What has become of one download.

    Attributes:
        got: The bytes, or what pip's clean error says.
        log: What the server was asked.
        left: Names of the unfinished downloads that are kept.
        happened: The run's events.
    """

    got: bytes | str
    log: list[Seen]
    left: list[str]
    happened: list[Event]

    @property
    def sent(self) -> int:
        return sum(seen.body_bytes for seen in self.log)


def outcome(size: int, script: list[Any], state: str | None = None, **options: Any) -> Outcome:
    """Download a file of so many bytes, its digest known, and leave nothing behind.

    Args:
        size: Of the file.
        script: The server's.
        state: Folder for what is kept for the next run; None: nothing is.
        options: How the server holds the file.
    """
    with nothing_left():
        return _outcome(CONTENT[:size], script, state, options)


def _outcome(
    content: bytes, script: list[Any], state: str | None, options: dict[str, Any]
) -> Outcome:
    with playing(script, state) as (server, pip):
        url = server.put(PATH, content, **options)
        got: bytes | str
        try:
            got = pip.download(url, sha256(content))
        except clean_errors() as error:
            got = str(error)  # the error itself keeps its answer, and that its connection
        return Outcome(got, server.log, kept(state), pip.run.happened)


def kept(state: str | None) -> list[str]:
    """Return the names of the unfinished downloads in a folder."""
    return unfinished.files(Path(state)) if state else []


def leave(state: str, size: int, stretches: Iterable[tuple[int, int]]) -> None:
    """Leave an unfinished download, as an earlier run would have."""
    with early_growth():
        unfinished.leave(Path(state), CONTENT[:size], *stretches)


@contextlib.contextmanager
def reading(pip: HookedPip, url: str, digest: str | None = None, **options: Any) -> Iterator[Any]:
    """Give pip's answer for a file whose body nobody has read yet.

    Args:
        pip: A hooked pip.
        url: Of the file.
        digest: Its sha256, if the link is to name one.
        options: Those of pip's session, and `verify`.
    """
    verify = options.pop("verify", True)
    link = Link(f"{url}#sha256={digest}" if digest else url)
    with contextlib.closing(pip.session(**options)) as session:
        headers = {"Accept-Encoding": "identity"}  # pip's own for files (network/utils.py)
        with pip.run.downloading(link, again=False):
            response = session.get(url, headers=headers, stream=True, verify=verify)
            with contextlib.closing(response):
                yield response
