"""What do the requests of one run of pip know in common?

The rule: one `Run` is made with pip's first session and handed down; nothing
of ours is global. It holds what was set, the clock, the randomness, each
host's patience, the digests that pages named, and the journal.
"""

from __future__ import annotations

import os
import platform
import random
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from pip_resilient.door import wing
from pip_resilient.policy import digests
from pip_resilient.policy.origins import same_origin
from pip_resilient.policy.patience import Hedges, Limits, Patience
from pip_resilient.session.connect import Dialer
from pip_resilient.session.pages import Pages
from pip_resilient.session.track import Track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pip_resilient.events import Event
    from pip_resilient.journal import Journal
    from pip_resilient.mirrors.group import Group
    from pip_resilient.policy.digests import Digest
    from pip_resilient.session.memory import Memory
    from pip_resilient.settings import Settings
    from pip_resilient.store.folder import Folder
    from pip_resilient.store.last_good import LastGood
    from pip_resilient.store.partials import Partials


_PARTIALS = "partials"
_RECENT = 600.0
"""Seconds after which nothing that was remembered of a host is of use (policy/breaker.py)."""


class Clock:
    """Time that goes on while the machine sleeps, and the one place that sleeps."""

    def __init__(self) -> None:
        boot = getattr(time, "CLOCK_BOOTTIME", None)
        # Linux's CLOCK_MONOTONIC stands still while the machine is suspended.
        self.now: Callable[[], float] = (
            time.monotonic if boot is None else partial(time.clock_gettime, boot)
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
        unable: pip's InstallationError: says why there will be no answer, exit code 1.
        wrong_bytes: Our private child of pip's InstallationError.
        host: PyPI's host.
        file_host: PyPI's file host.
    """

    def __init__(self, session_module: Any, exceptions: Any, pypi: Any) -> None:
        self.requests = session_module.requests
        self.failed: type[Exception] = exceptions.NetworkConnectionError
        self.unable: type[Exception] = exceptions.InstallationError
        self.wrong_bytes: type[Exception] = type(
            "WrongBytes", (self.unable,), {"__doc__": "Bytes fail their hash.", "spoilt": False}
        )
        self.host: str = pypi.netloc
        self.file_host: str = pypi.file_storage_domain
        self._response: Any = session_module.urllib3.HTTPResponse

    def answer(self, body: Any, headers: Mapping[str, str]) -> Any:
        """Return an answer that we make: urllib3's response around a body.

        The arguments are there in urllib3 1.26 and 2.x.
        """
        return self._response(
            body=body,
            headers=dict(headers),
            status=200,
            version=11,
            reason="OK",
            preload_content=False,
            decode_content=False,
            request_method="GET",
        )


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
        stand_aside: Takes everything back that we changed, and says why.
        write: Keeps one NDJSON line, or None.
        clock: Tells the time, and sleeps.
        jitter: Source of randomness.
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
        self._say = say
        self.write = write
        self._journal: Journal | None = None
        self.stand_aside = stand_aside
        self.download = Download()
        self.respelled: set[str] = set()
        self.hops: dict[str, Any] = {}
        self._patience: dict[tuple[str, bool], Patience] = {}
        self.pages = Pages()
        self.state_dir: str | None = None
        self.no_index = False
        self.announced = True
        self.has_spread = False
        self._remembers = False
        self._look_again_at = self.began
        self._group: Group | None = None
        self._memory: Memory | None = None
        self._last_good: LastGood | None = None
        self._partials: Partials | None = None
        self.widest: dict[str, int] = {}
        self.track = Track(self.at)
        self._hedges = Hedges()

    def may_hedge(self) -> bool:
        """Take a second connection from the run's allowance, if there is one left."""
        return self._hedges.take(self.track.count)

    # Others beside the host that pip named: nothing of this is loaded in a healthy run.

    @property
    def knows_mirrors(self) -> bool:
        """Whether it has been looked at who else may be asked."""
        return self._group is not None

    @property
    def remembers(self) -> bool:
        """Whether something is known of hosts that were out of order."""
        if self._memory is not None or self.state_dir is None:
            return self._memory is not None
        now = self.clock.now()
        if now >= self._look_again_at:
            self._look_again_at = now + 1.0
            try:
                changed = os.stat(os.path.join(self.state_dir, "hosts")).st_mtime
            except OSError:
                changed = 0.0
            self._remembers = time.time() - changed < _RECENT
        return self._remembers

    @property
    def group(self) -> Group:
        """The indexes, and who stands in for whom."""
        if self._group is None:
            said = wing.declared.understood(self.settings.mirrors)
            # The same for one user from run to run, so that nobody wanders.
            whose = os.fsencode(f"{os.path.expanduser('~')} {platform.node()}")
            chance = random.Random(whose)  # noqa: S311
            self._group = wing.group.Group(said, self.stack.host, self.stack.file_host, chance)
        return self._group

    def hear_of_mirrors(self) -> tuple[str, ...]:
        """Understand what the user said of mirrors, if anything; return what was not clear."""
        return self.group.declared.problems if self.settings.mirrors else ()

    @property
    def memory(self) -> Memory:
        """What is remembered beyond this run."""
        if self._memory is None:
            self._memory = wing.memory.Memory(self.state_dir, self.last_good)
        return self._memory

    @property
    def last_good(self) -> LastGood:
        """The last good pages of indexes."""
        if self._last_good is None:
            from pip_resilient.store.last_good import LastGood  # noqa: PLC0415

            self._last_good = LastGood(self._folder("pages"), time.time)
        return self._last_good

    @property
    def has_partials(self) -> bool:
        """Whether an earlier run may have left unfinished files."""
        if self.state_dir is None:
            return False
        try:
            return bool(os.listdir(os.path.join(self.state_dir, _PARTIALS)))
        except OSError:
            return False

    @property
    def partials(self) -> Partials:
        """The unfinished files of this user."""
        if self._partials is None:
            self._partials = wing.Partials(self._folder(_PARTIALS), time.time)
        return self._partials

    def _folder(self, name: str) -> Folder | None:
        from pip_resilient.store.folder import Folder  # noqa: PLC0415

        root = None if self.state_dir is None else Folder.open(self.state_dir)
        return None if root is None else root.sub(name)

    def at(self) -> float:
        """Return the seconds since the run began."""
        return self.clock.now() - self.began

    @property
    def journal(self) -> Journal:
        """What keeps the run's events; a run that has none needs none."""
        if self._journal is None:
            self._journal = wing.journal.Journal(self.at, self._say, self.write, self.track.name)
        return self._journal

    @property
    def happened(self) -> list[Event]:
        """The events so far."""
        return [] if self._journal is None else self._journal.events

    def patience_of(self, place: str, limits: Limits) -> Patience:
        """Return the patience with a host, kept for the whole run.

        pip's look for its own update has one of its own: from pip 26.1 on it
        comes first, and would leave none to the command.
        """
        whose = (place, limits.retries == 0)
        if whose not in self._patience:
            self._patience[whose] = Patience(limits)
        return self._patience[whose]

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

    def digests_of(self, url: str) -> list[Digest]:
        """Return every digest known for the file at this URL."""
        known = [digests.in_path(url, self.stack.file_host), self._of_link()]
        if known[1] is None:
            named = self.pages.named(url)
            known.append(named.digest if named else None)
        return [digest for digest in known if digest is not None]

    def size_of(self, url: str, known: Iterable[Digest]) -> int | None:
        """Return the size of the file at this URL, or None where it is not known or not believed.

        A file that is fetched once more may have failed by it: plain pip looks
        at the digest alone.

        Args:
            url: Of the file.
            known: Its digests; a size counts only where one of them stands beside it.
        """
        named = self.pages.named(url)
        beside = named is not None and any(
            (one.algorithm, one.value) == (named.digest.algorithm, named.digest.value)
            for one in known
        )
        believed = named is not None and beside and not self.download.again
        return named.size if named is not None and believed else None

    def enough_of(self, known: list[Digest], url: str) -> list[Digest]:
        """Return which of several digests a download is held against.

        The cheapest strong one where PyPI's own page named it. All where that
        was not PyPI, since others may bring bytes in PyPI's place, and all
        where the bytes were wrong before.
        """
        page = getattr(self.download.link, "comes_from", None)
        by_pypi = isinstance(page, str) and same_origin(page, f"https://{self.stack.host}/")
        sure = by_pypi and not self.download.again and not self.pages.is_strange(url)
        return digests.cheapest(known) if sure else known

    def _of_link(self) -> Digest | None:
        link = self.download.link
        algorithm, value = getattr(link, "hash_name", None), getattr(link, "hash", None)
        if algorithm not in digests.ALGORITHMS or not value:
            return None
        page = getattr(link, "comes_from", None)
        namer = self.pages.namer(page) if isinstance(page, str) else None
        by = "the index page" if namer is None else f"the index page of {namer}"
        if page is None and "#" in link.url:  # no page's; what pip makes itself has no fragment
            by = "the requirement's URL"
        return digests.Digest(str(algorithm), str(value).lower(), by)
