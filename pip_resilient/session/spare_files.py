"""How are the right bytes of a file fetched from another source?

The rule: into a spool, and out of it only when every digest of the whole file
holds. A source whose bytes fail is wrong; one that lacks them, cuts them or
falls silent has had its turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from pip_resilient.mirrors.group import page_at, url_at
from pip_resilient.mirrors.reconcile import find
from pip_resilient.policy import ranges
from pip_resilient.policy.answers import looks_like_a_login_page
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.patience import SLOW_FOR
from pip_resilient.session.drain import Pace, drain
from pip_resilient.session.elsewhere import Unusable, WrongThere
from pip_resilient.session.lane import Garbled, lane_for
from pip_resilient.session.spare_pages import page_there
from pip_resilient.session.spool import Spool

if TYPE_CHECKING:
    from pip_resilient.mirrors.declared import Source
    from pip_resilient.mirrors.group import Asked
    from pip_resilient.policy.digests import Mismatch, Verification
    from pip_resilient.session.elsewhere import Elsewhere
    from pip_resilient.session.exchange import Exchange
    from pip_resilient.session.lane import Lane


_SOON = 5.0
"""Seconds in which a source shows whether it is faster than a slow host."""
_ENDS = (Kind.SILENT, Kind.CRAWL)
_POOR = 4
"""How many connections to a source may bring less than `_WORTH` each before they are cut."""
_WORTH = 64 * 1024
"""Bytes."""


class WrongBefore(Exception):  # a verdict on the host itself
    """What had come of a file before another source took over was wrong."""

    def __init__(self, mismatch: Mismatch) -> None:
        super().__init__(mismatch.digest.value)
        self.mismatch = mismatch


class DigestsDisagree(Exception):  # a verdict on who named them
    """A file cannot be right: of the digests named for it one holds and one does not."""

    def __init__(self, mismatch: Mismatch) -> None:
        super().__init__(mismatch.digest.value)
        self.mismatch = mismatch


class FileFetch:
    """Fetches one file, or the rest of it.

    Args:
        exchange: pip's request for it.
        elsewhere: Asks other hosts.
        asked: What the request asks for.
        before: Has seen the bytes before those that are wanted, and knows the digests.
        end: Offset behind the file's last byte, or None where it is not known.
        least: Bytes per second below which this was not worth it, or None.
    """

    def __init__(
        self,
        exchange: Exchange,
        elsewhere: Elsewhere,
        asked: Asked,
        before: Verification,
        end: int | None,
        least: float | None = None,
    ) -> None:
        self._exchange = exchange
        self._elsewhere = elsewhere
        self._asked = asked
        self._before = before
        self._end = end
        self._least = least

    def fetch(self, source: Source, first: int, last: bool) -> Spool:
        """Return the bytes from an offset on, the digests held against the whole file.

        Args:
            source: Who is asked.
            first: The offset; what came before it came from elsewhere.
            last: Whether there is nobody to ask after this one.

        Raises:
            Unusable: It has not got them.
            WrongThere: It has others.
            WrongBefore: It has them, but those before them were wrong.
            DigestsDisagree: Nobody can have them.
        """
        mismatch = self._held(source, self._before, first, last)
        if isinstance(mismatch, Spool):
            return mismatch
        if mismatch.disagree:
            raise DigestsDisagree(mismatch)
        if first:
            # Two sources, one wrong file: this one alone tells whose fault it is.
            alone = self._held(source, self._before.afresh(), 0, last)
            if isinstance(alone, Spool):
                alone.close()
                raise WrongBefore(mismatch)
        digest = mismatch.digest
        raise WrongThere(digest.algorithm, digest.value, mismatch.got, digest.named_by)

    def _held(
        self, source: Source, before: Verification, first: int, last: bool
    ) -> Spool | Mismatch:
        """Fetch the bytes from an offset on, and hold the digests against the whole file."""
        spool = Spool(before, first)
        try:
            self._fill(spool, source, last)
            mismatch = spool.mismatch()
        except BaseException:
            spool.close()
            raise
        if mismatch is not None:
            spool.close()
            return mismatch
        spool.give_out()
        return spool

    def _fill(self, spool: Spool, source: Source, last: bool) -> None:
        """Fill a spool, over as many connections as it takes while each brings something."""
        exchange, run = self._exchange, self._exchange.run
        page_url, url = None, url_at(source, self._asked)
        if url is None:
            page_url, url = self._looked_up(source)
        poor = 0
        while poor <= _POOR:
            reached = spool.position
            lane = self._open(source, url, reached, page_url)
            pace = self._pace(last)
            failure = drain(lane, exchange, _Into(spool, lane, self._end), pace)
            if failure is None and (self._end is None or spool.position == self._end):
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

    def _open(self, source: Source, url: str, first: int, page_url: str | None) -> Lane:
        end = self._end
        extra = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if first:
            extra["Range"] = ranges.range_header(first, None)
        up, _ = self._elsewhere.ask(source, url, extra, page_url)
        if looks_like_a_login_page(up.headers.get("Content-Type", ""), b"", wants_file=True):
            up.close()
            raise Unusable(Failure(Kind.INTERCEPTED))
        verdict = ranges.judge(up.status, up.headers, first, ranges.Span(0, end, end), None)
        if isinstance(verdict, ranges.Join):
            return lane_for(up, ranges.Span(first, verdict.end, end))
        if isinstance(verdict, ranges.Whole):
            length = verdict.length if verdict.length is not None else end
            return lane_for(up, ranges.Span(0, length, length))
        up.close()
        raise Unusable(Failure(Kind.GARBLED, verdict.why))


class _Into:
    """Puts what a lane brings into a spool, without what is there already."""

    def __init__(self, spool: Spool, lane: Lane, end: int | None) -> None:
        self._spool = spool
        self._lane = lane
        self._end = end

    def __call__(self, data: bytes) -> None:
        start = self._lane.position - len(data)
        new = memoryview(data)[max(0, self._spool.position - start) :]
        if self._end is not None and self._spool.position + len(new) > self._end:
            raise Garbled("more bytes than the file has")
        self._spool.add(new)
