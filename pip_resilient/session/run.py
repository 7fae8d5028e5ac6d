"""What do the requests of one run of pip know in common?

The rule: one `Run` is made when the hook is applied and handed down; nothing
of ours is global. It holds what was set, the clock, the randomness, each
host's patience, the digests that pages named, and the journal.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pip_resilient.events import Journal
from pip_resilient.policy import digests
from pip_resilient.policy.patience import Limits, Patience
from pip_resilient.session.connect import Dialer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pip_resilient.policy.digests import Digest
    from pip_resilient.settings import Settings


_PAGES = 8 << 20


class Clock:
    """Time that goes on while the machine sleeps, and the one place that sleeps."""

    def __init__(self) -> None:
        boot = getattr(time, "CLOCK_BOOTTIME", None)
        # Linux's CLOCK_MONOTONIC stands still while the machine is suspended.
        self.now: Callable[[], float] = (
            time.monotonic if boot is None else lambda: time.clock_gettime(boot)
        )

    def sleep(self, seconds: float) -> None:
        """Wait; Ctrl-C ends it at once."""
        time.sleep(seconds)  # noqa: TID251  # the one place


class Stack:
    """The classes of the very pip that runs, taken from its live session module.

    Never imported by name: Debian 11 has second copies of the vendored ones.

    Attributes:
        requests: The requests that pip's sessions are made of.
        failed: pip's NetworkConnectionError: ends a file cleanly, exit code 1.
        wrong_bytes: Our private child of pip's InstallationError.
        file_host: PyPI's file host.
    """

    def __init__(self, session_module: Any, exceptions: Any, pypi: Any) -> None:
        self.requests = session_module.requests
        self.failed: type[Exception] = exceptions.NetworkConnectionError
        self.wrong_bytes: type[Exception] = type(
            "WrongBytes", (exceptions.InstallationError,), {"__doc__": "Bytes fail their hash."}
        )
        self.file_host: str = pypi.file_storage_domain


class Download(threading.local):
    """The file that pip's Downloader is fetching in this thread."""

    link: Any = None
    again = False


class Run:
    """One run of pip.

    Args:
        stack: pip's own classes.
        settings: What the user wants.
        limits: What a request may cost.
        say: Tells the user one line.
        write: Keeps one NDJSON line, or None.
        stand_aside: Takes everything back that we changed, and says why.
    """

    def __init__(
        self,
        stack: Stack,
        settings: Settings,
        limits: Limits,
        say: Callable[[str], None],
        stand_aside: Callable[[BaseException], None],
        write: Callable[[str], None] | None = None,
        clock: Clock | None = None,
        jitter: random.Random | None = None,
    ) -> None:
        self.stack = stack
        self.settings = settings
        self.limits = limits
        self.clock = clock or Clock()
        self.began = self.clock.now()
        self.jitter = jitter or random.Random()  # noqa: S311  # spreads load, keeps no secret
        self.dialer = Dialer(self.clock.now)
        self.journal = Journal(self.at, say, write)
        self.stand_aside = stand_aside
        self.download = Download()
        self.respelled: set[str] = set()
        self.hops: dict[str, Any] = {}
        self._patience: dict[tuple[str, bool], Patience] = {}
        self._pages: list[tuple[str, str, bytes]] = []
        self._named: dict[str, Digest] = {}

    def at(self) -> float:
        """Return the seconds since the run began."""
        return self.clock.now() - self.began

    def patience_of(self, place: str, limits: Limits) -> Patience:
        """Return the patience with a host, kept for the whole run.

        pip's look for its own update has one of its own: from pip 26.1 on it
        comes first, and would leave none to the command.
        """
        return self._patience.setdefault((place, limits.retries == 0), Patience(limits))

    @contextmanager
    def downloading(self, link: Any, again: bool) -> Iterator[None]:
        """Say which link pip's Downloader fetches in this thread.

        Args:
            link: pip's Link.
            again: Whether its bytes failed their hash before.
        """
        before = (self.download.link, self.download.again)
        self.download.link, self.download.again = link, again
        try:
            yield
        finally:
            self.download.link, self.download.again = before

    def page_passed(self, url: str, content_type: str, content: bytes) -> None:
        """Keep an index page for the digests on it; it is read only when one is wanted.

        Of all pages the last `_PAGES` bytes are kept: memory stays flat, and
        what pip's Downloader fetches carries the digest with its link.
        """
        self._pages.append((url, content_type, content))
        while sum(len(page) for _, _, page in self._pages) > _PAGES and len(self._pages) > 1:
            del self._pages[0]

    def digests_of(self, url: str) -> list[Digest]:
        """Return every digest known for the file at this URL."""
        known = [digests.in_path(url, self.stack.file_host), self._of_link()]
        if known[1] is None:
            known.append(self._of_pages(url))
        return [digest for digest in known if digest is not None]

    def _of_link(self) -> Digest | None:
        link = self.download.link
        algorithm, value = getattr(link, "hash_name", None), getattr(link, "hash", None)
        if algorithm not in digests.ALGORITHMS or not value:
            return None
        return digests.Digest(str(algorithm), str(value).lower(), "the index page")

    def _of_pages(self, url: str) -> Digest | None:
        while self._pages:
            page_url, content_type, content = self._pages.pop()
            for file_url, digest in digests.on_page(content, content_type, page_url).items():
                self._named.setdefault(file_url, digest)
        return self._named.get(digests.normalised(url))
