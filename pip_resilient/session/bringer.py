"""How do the bytes of a file come from one other source into a spool?

The rule: over one connection after the other, while each brings something,
and only what is not there yet. Nothing is judged here but the answers.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pip_resilient.mirrors.group import page_at, url_at
from pip_resilient.mirrors.reconcile import find
from pip_resilient.policy import ranges
from pip_resilient.policy.answers import looks_like_a_login_page
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import place_of
from pip_resilient.policy.patience import SLOW_FOR, WHOLE_FETCHES
from pip_resilient.policy.spans import Span
from pip_resilient.session.drain import Pace, drain
from pip_resilient.session.elsewhere import Unusable
from pip_resilient.session.lane import lane_for
from pip_resilient.session.spare_pages import page_there

if TYPE_CHECKING:
    from typing import Callable, Optional

    from pip_resilient.mirrors.declared import Source
    from pip_resilient.mirrors.group import Asked
    from pip_resilient.session.aside import Aside
    from pip_resilient.session.elsewhere import Elsewhere
    from pip_resilient.session.exchange import Exchange
    from pip_resilient.session.lane import Lane
    from pip_resilient.session.spool import Spool

    Keep = Callable[[int], Optional[Aside]]

_SOON = 5.0
"""Seconds in which a source shows whether it is faster than a slow host."""
_ENDS = (Kind.SILENT, Kind.CRAWL, Kind.GARBLED)
_POOR = 4
"""How many connections to a source may bring less than `_WORTH` each before they are cut."""
_WORTH = 64 * 1024
"""Bytes."""
_UNSAID = 4 << 30
"""Bytes of a file whose size neither an index nor the answer says; PyPI has no larger one."""
_ALWAYS = 8 << 20
"""Bytes that are taken in any case: they wait in memory."""


class NoRoom(Exception):  # a verdict on this machine
    """What came could not be kept here until it is verified."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        what = errno.errorcode.get(error.errno or 0, type(error).__name__)
        where = tempfile.tempdir or "the folder for temporary files"
        self.failure = Failure(Kind.DISK, f"{what} in {where}")


class Bringer:
    """Brings bytes of one file.

    Args:
        exchange: pip's request for it.
        elsewhere: Asks other hosts.
        asked: What the request asks for.
        least: Bytes per second below which a source is not worth it, or None.
    """

    def __init__(
        self, exchange: Exchange, elsewhere: Elsewhere, asked: Asked, least: float | None = None
    ) -> None:
        self._exchange = exchange
        self._elsewhere = elsewhere
        self._asked = asked
        self._least = least

    def part(self, source: Source, first: int, end: int | None, total: int | None) -> Lane:
        """Return what brings a part of the file.

        Args:
            source: Who is asked.
            first: Offset of its first byte.
            end: Offset behind its last byte; None: all that follow.
            total: Size of the file, as far as it is known.

        Raises:
            Unusable: It has not got it.
        """
        page_url, url = self._place(source)
        return self._open(source, url, page_url, first, end, total)

    def _place(self, source: Source) -> tuple[str | None, str]:
        """Return where a source has the file, and the page that says so, if one was needed."""
        url = url_at(source, self._asked)
        return (None, url) if url is not None else self._looked_up(source)

    def fill(
        self, spool: Spool, source: Source, last: bool, end: int | None, keep: Keep | None = None
    ) -> None:
        """Fill a spool, over as many connections as it takes while each brings something.

        Args:
            spool: Gets what it has not got.
            source: Who is asked.
            last: Whether there is nobody to ask after this one.
            end: Offset behind the file's last byte, or None where it is not known.
            keep: Told that offset by a source which knows it; opens what keeps
                the bytes for the next run, if anything does.

        Raises:
            Unusable: It has not got them.
            NoRoom: They do not fit here.
        """
        exchange, run = self._exchange, self._exchange.run
        page_url, url = self._place(source)
        most = spool.first + _room()
        poor = wholes = 0
        while poor <= _POOR and wholes < WHOLE_FETCHES:
            stop = spool.take_up()
            reached = spool.position
            if reached == end and spool.taken_up:
                return
            lane = self._open(source, url, page_url, reached, stop, end)
            wholes += lane.position < reached  # what had come is sent again
            if end is None and lane.end is not None:
                if lane.end > most:
                    lane.kill()
                    raise _too_much()
                if keep is not None and not lane.position:
                    spool.keep_in(keep(lane.end))
            pace = self._pace(last)
            came = partial(run.track.came, place_of(source.index_url))
            failure = drain(lane, exchange, _Into(spool, lane, end, most, came), pace)
            if failure is None and spool.position == stop:
                continue
            # A whole file that is shorter than it should be: its digest tells.
            if failure is None and (end is None or spool.position in (end, lane.end)):
                return
            if failure is None or spool.position == reached or failure.kind in _ENDS:
                raise Unusable(failure or Failure(Kind.TRUNCATED))
            poor += spool.position - reached < _WORTH
            run.clock.sleep(run.jitter.uniform(0.0, run.limits.resume_wait))
        raise Unusable(Failure(Kind.TRUNCATED))

    def _pace(self, last: bool) -> Pace | None:
        """Return how fast a source has to be; the last one may be slow if nobody is faster."""
        if self._least is not None:
            return Pace(self._least, _SOON)
        return None if last else Pace(self._exchange.run.settings.min_speed, SLOW_FOR)

    def _looked_up(self, source: Source) -> tuple[str, str]:
        """Return a source's page of the project, and where by this page it has the file."""
        asked = self._asked
        page = page_there(self._exchange, self._elsewhere, source, asked.project)
        file = find(page, unquote(asked.name))
        metadata = asked.what == "metadata"
        if file is None or (metadata and file.metadata is None):
            raise Unusable(Failure(Kind.STATUS, "not on its page", status=404))
        url = file.url + ".metadata" if metadata else file.url
        return page_at(source, asked.project), url

    def _open(
        self,
        source: Source,
        url: str,
        page_url: str | None,
        first: int,
        last: int | None,
        end: int | None,
    ) -> Lane:
        extra = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if first or last is not None:
            extra["Range"] = ranges.range_header(first, last)
        up = self._elsewhere.ask(source, url, extra, page_url).up
        if looks_like_a_login_page(up.headers.get("Content-Type", ""), b"", wants_file=True):
            up.close()
            raise Unusable(Failure(Kind.INTERCEPTED))
        span = Span(0, end if last is None else last, end if "Range" in extra else None)
        verdict = ranges.judge(up.status, up.headers, first, span, None)
        why = verdict.why if isinstance(verdict, ranges.Refuse) else ""
        if isinstance(verdict, ranges.Join):
            return lane_for(up, Span(first, verdict.end, end))
        if isinstance(verdict, ranges.Whole):
            length = verdict.length if verdict.length is not None else end
            if length is None or end is None or length <= end:
                return lane_for(up, Span(0, length, length))
            why = "more bytes than the file has"
        up.close()
        raise Unusable(Failure(Kind.GARBLED, why))


class _Into:
    """Puts what a lane brings into a spool, without what is there already."""

    def __init__(
        self, spool: Spool, lane: Lane, end: int | None, most: int, came: Callable[[int], None]
    ) -> None:
        self._came = came
        self._spool = spool
        self._lane = lane
        self.end = end
        self._most = most

    def __call__(self, data: bytes) -> None:
        self._came(len(data))
        start = self._lane.position - len(data)
        new = memoryview(data)[max(0, self._spool.position - start) :]
        position = self._spool.position + len(new)
        if self.end is not None and position > self.end:
            raise Unusable(Failure(Kind.GARBLED, "more bytes than the file has"))
        if self.end is None and position > self._most:
            raise _too_much()
        if self.end is None and self._lane.end is None and position > _UNSAID:
            raise Unusable(Failure(Kind.GARBLED, f"a file without an end, {_UNSAID} bytes by now"))
        kept(self._spool.add, new)


def _room() -> int:
    """Return how many bytes are taken of a file whose size nobody says.

    Half of what is free where they wait: of a larger file pip could not write
    its own copy there, and whoever sends without an end fills no disk.
    """
    try:
        free = shutil.disk_usage(tempfile.gettempdir()).free
    except OSError:  # told when there is something to be written
        free = 0
    return max(_ALWAYS, free // 2)


def _too_much() -> Unusable:
    """Return what ends a source's turn, though it may be in the right."""
    where = tempfile.tempdir
    return Unusable(Failure(Kind.DISK, f"it would take more than half of what is free in {where}"))


def kept(write: Callable[..., None], *what: object) -> None:
    """Let a spool write, and tell its errors from those of the network."""
    try:
        write(*what)
    except OSError as error:
        raise NoRoom(error) from error
