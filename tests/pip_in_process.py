"""How is a stock pip driven inside the tests' own process, and left as it was?

The rule: the pip of the environment that runs the tests is hooked for one
`with`, with a clock whose sleeps cost nothing, and is itself again afterwards.
`traces` says what is left of us; a fixture asks it after every test.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import random
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pip._internal.req  # noqa: F401  # pip 25.3 cannot import network.download before it
from pip._internal.exceptions import PipError
from pip._internal.models.link import Link
from pip._internal.network import download as download_module
from pip._internal.network import session as session_module
from pip._vendor.urllib3.connection import HTTPConnection, HTTPSConnection
from pip._vendor.urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from pip._vendor.urllib3.poolmanager import PoolManager

from pip_resilient import activate
from pip_resilient.children import VARIABLE
from pip_resilient.hook import Hook
from pip_resilient.policy import silence, steering
from pip_resilient.policy.patience import Limits
from pip_resilient.session import exchange
from pip_resilient.session.run import Clock, Run
from pip_resilient.session.watch import Watch
from pip_resilient.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = Settings(connect_timeout=5.0, read_timeout=0.4)
CALM = 5.0
"""Seconds before a second connection is asked, where one would ask once more on a busy machine."""

_CHANGEABLE: tuple[Any, ...] = (
    session_module.PipSession,
    session_module.HTTPAdapter,
    session_module.CacheControlAdapter,
    download_module.Downloader,
    PoolManager,
    HTTPConnectionPool,
    HTTPSConnectionPool,
    HTTPConnection,
    HTTPSConnection,
    *(sys.modules[name] for name in ("pip._internal.build_env.installer",) if name in sys.modules),
)
_ORIGINALS = [(owner, dict(vars(owner))) for owner in _CHANGEABLE]
_SCHEMES = dict(PoolManager().pool_classes_by_scheme)
_HANDLERS = list(logging.getLogger("pip").handlers)
_HANDED_ON = os.environ.get(VARIABLE)


def traces() -> list[str]:
    """Return what is left of us in pip and in the interpreter; nothing, after a test."""
    left = []
    for owner, original in _ORIGINALS:
        now = dict(vars(owner))
        left += [
            f"{owner.__name__}.{name}"
            for name in {*original, *now}
            if not name.startswith("__abstract") and original.get(name) is not now.get(name)
        ]
    if dict(PoolManager().pool_classes_by_scheme) != _SCHEMES:
        left.append("the pool classes by scheme")
    if logging.getLogger("pip").handlers != _HANDLERS:
        left.append("a handler of pip's logger")
    if any(type(finder) is activate.Finder for finder in sys.meta_path):
        left.append("a finder")
    if os.environ.get(VARIABLE) != _HANDED_ON:
        left.append(VARIABLE)
    return left


class FastClock(Clock):
    """Real time, but for sleeps: those only advance it."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = 0.0
        really = self.now
        self.now = lambda: really() + self.slept

    def sleep(self, seconds: float) -> None:
        """Pass the time without waiting."""
        self.slept += seconds


@dataclass
class HookedPip:
    """A hooked pip.

    Attributes:
        said: The lines that the user would have seen.
        surprises: What made us stand aside: each one is a bug of ours.
        options: What its sessions are made with, beside what `session` is given.
    """

    hook: Hook
    run: Run
    clock: FastClock
    said: list[str] = field(default_factory=list)
    surprises: list[BaseException] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def session(self, **options: Any) -> Any:
        """Return a new session of pip's, as its command line makes them."""
        session = session_module.PipSession(**{"retries": 5, **self.options, **options})
        session.timeout = 15  # an int: nobody said --timeout
        return session

    def page(self, url: str, verify: str | bool = True, **headers: str) -> bytes:
        """Return the page that pip's session gets, or raise what it raises."""
        with contextlib.closing(self.session()) as session:
            response = session.get(url, headers=headers, verify=verify)
            response.raise_for_status()
            return bytes(response.content)

    def download(self, url: str, sha256: str | None = None, timeout: float | None = 15) -> bytes:
        """Return what pip's own Downloader makes of a URL, or raise what it raises.

        Args:
            url: Of the file.
            sha256: Its digest, if the link is to name one.
            timeout: As `--timeout` gives it: an int if nobody said it, None for ever.
        """
        link = Link(f"{url}#sha256={sha256}" if sha256 else url)
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            session = self.session()
            session.timeout = timeout
            stack.callback(session.close)
            makes = inspect.signature(download_module.Downloader).parameters
            resumes = {"resume_retries": 0} if "resume_retries" in makes else {}
            downloader = download_module.Downloader(session, "off", **resumes)
            path, _ = downloader(link, folder)
            return Path(path).read_bytes()


@contextlib.contextmanager
def hooked_pip(
    limits: Limits | None = None,
    settings: Settings = QUICK,
    stall: float = 0.05,
    seed: int = 0,
) -> Iterator[HookedPip]:
    """Hook the pip of this process for a while.

    Args:
        limits: What a request may cost; sleeps cost only virtual seconds.
        settings: What the user wants.
        stall: Seconds of silence before a second connection is asked, at first.
        seed: Of the jitter.
    """
    clock = FastClock()
    with contextlib.ExitStack() as stack:
        # Asks programs of this machine for their versions.
        stack.enter_context(mock.patch.object(session_module, "user_agent", return_value="pip"))
        stack.enter_context(_quick_second_connections(stall))
        surprises: list[BaseException] = []
        hook = Hook(session_module, lambda why: surprises.append(RuntimeError(why)))
        stack.callback(hook.record.undo)
        hook.apply()
        hook.apply_to_download(download_module)
        hook.closing.children.open()
        said: list[str] = []
        hook.run = Run(
            hook.stack,
            settings,
            limits or Limits(),
            said.append,
            surprises.append,
            None,
            clock,
            random.Random(seed),
        )
        yield HookedPip(hook, hook.run, clock, said, surprises)


@contextlib.contextmanager
def _quick_second_connections(stall: float) -> Iterator[None]:
    def stall_after(longest_gap: float, barren: int) -> float:
        return stall * 2.0 ** min(barren, 3)

    def watch(self: exchange.Exchange) -> Watch:
        return Watch(self.run.dialer, self.tell_silence, silence=stall * 2)

    with (
        mock.patch.object(silence, "stall_after", stall_after),
        mock.patch.object(steering, "stall_after", stall_after),
        mock.patch.object(exchange.Exchange, "watch", watch),
    ):
        yield


def clean_errors() -> tuple[type[BaseException], ...]:
    """Return the exceptions that pip knows how to report: its own and those of requests."""
    return (PipError, session_module.requests.exceptions.RequestException)
