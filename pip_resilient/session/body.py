"""What does pip get of one answer's body?

The rule: one stream of the right bytes, or a clean error. The last bytes are
handed over only when every known digest holds; how they come is the business
of the `Transfer`.

A body stands below pip's cache, which therefore stores what a clean download
would have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip_resilient.door import wing
from pip_resilient.policy.answers import LONGEST_PAGE
from pip_resilient.session.outcome import Broken, GivenUp, Surprise
from pip_resilient.session.stream import Stream
from pip_resilient.session.transfer import Transfer

if TYPE_CHECKING:
    from pip_resilient.policy.spans import Span
    from pip_resilient.session.aside import Aside
    from pip_resilient.session.exchange import Exchange

_TELLING = 64
"""How many bytes tell a page from a file."""
_AT_ONCE = 10 * 1024
"""Bytes that are unpacked at once, as requests does (models.py, `CONTENT_CHUNK_SIZE`)."""
_PACKED_TWICE = 256
_GATHER = 0.1
"""Seconds for which arriving bytes are gathered before pip gets them."""


def read_whole(response: Any) -> None:
    """Read requests' response as its own `content` does, but no endless one.

    A little that is packed may be a thousand times as much, and packed twice a
    million times: then less is unpacked at once.

    Raises:
        Broken: It is no page.
    """
    if response._content is not False or response.raw is None:
        return
    packings = response.headers.get("Content-Encoding", "").count(",")
    pieces, size = [], 0
    try:
        for piece in response.iter_content(_AT_ONCE if not packings else _PACKED_TWICE):
            size += len(piece)
            if size > LONGEST_PAGE or packings > 1:
                raise too_large()
            pieces.append(piece)
    except BaseException:
        response.close()  # what cannot be unpacked has not ended
        raise
    response._content, response._content_consumed = b"".join(pieces), True


def too_large() -> Broken:
    """Return what says that a page has no end."""
    return Broken(wing.Failure(wing.Kind.TOO_LARGE, f"over {LONGEST_PAGE >> 20} MiB"))


class Body(Stream):
    """The body of one answer; arguments as of `Transfer`."""

    def __init__(self, exchange: Exchange, up: Any, span: Span, aside: Aside | None = None) -> None:
        self.transfer = Transfer(exchange, up, span, aside)
        self._run = exchange.run
        self._trace = exchange.trace
        self._trace.opened(self._run.at())
        self._ready = self.transfer.ready
        self._failed: BaseException | None = None

    def read(self, amt: int | None = None) -> bytes:
        """Return up to `amt` bytes, b"" at the end.

        Raises:
            Broken: A page must be asked for from the start again.
            GivenUp: A page is not asked for any more.
            Exception: pip's own, which end the file cleanly: nothing more is
                tried, or the bytes fail their hash.

        Whoever reads on is told the same again: it is no end.
        """
        if self._failed is not None:
            raise self._failed
        # pip takes 10 KiB at a time before 24.2: most of them have come already.
        piece = self._ready.piece(amt) if amt and self.transfer.span.end is not None else None
        if piece is not None:
            return piece
        if self.transfer.finished or self.closed or amt == 0:
            return self._take(amt)
        self.transfer.resume()
        gather_until: float | None = None
        try:
            while self._wants_more(amt, gather_until):
                # What was left over by the read before waits no longer than what comes.
                if gather_until is None and amt is not None and self._givable():
                    gather_until = self._run.clock.now() + _GATHER
                self.transfer.step(gather_until)
                if not self.transfer.streams and self.transfer.received > LONGEST_PAGE:
                    raise too_large()
        except BaseException as error:
            self._let_go()
            self._failed = self._ending(error)
            raise self._failed from error.__cause__
        return self._take(amt)

    def _ending(self, error: BaseException) -> BaseException:
        """Return what pip is to see: an error of ours takes us out of its way."""
        stack = self._run.stack
        if not isinstance(error, Exception) or isinstance(
            error, (Broken, GivenUp, stack.failed, stack.unable)
        ):
            return error
        if not self.transfer.streams:
            return Surprise(error)
        # pip's Downloader asks again, and then nothing of ours is in the way.
        self._run.stand_aside(error)
        url = self.transfer.exchange.url
        return stack.wrong_bytes(f"{url}: an error of pip-resilient ended it")

    def _wants_more(self, amt: int | None, gather_until: float | None) -> bool:
        if self.transfer.finished or (amt is not None and self._givable() >= amt):
            return False
        return amt is None or gather_until is None or self._run.clock.now() < gather_until

    def is_page(self) -> bool:
        """Tell by its first bytes whether this is a page, or nothing at all.

        They are not judged yet: a login page should not be told by its hash.
        """
        transfer, stack = self.transfer, self._run.stack
        try:
            while not (transfer.at_end or transfer.finished or len(self._ready) >= _TELLING):
                transfer.step(None, judging=False)
        except (stack.wrong_bytes, stack.failed, stack.unable):
            return True
        return self._ready.start(_TELLING).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")

    def delivered(self) -> bool:
        """Tell whether every byte has been handed over, and no more will come."""
        return self.transfer.finished and not self._ready

    def close(self) -> None:
        """Stop reading; whatever is open is closed."""
        self.closed = True
        self._let_go()

    def _let_go(self) -> None:
        self.transfer.close()
        self._trace.closed(self._run.at(), self.transfer.received - self.transfer.span.first)

    def _givable(self) -> int:
        """Return how many bytes may be handed over now.

        Where the length is known, bytes before the last arrival can never be
        the end; where it is not, the last byte is held back.
        """
        there = len(self._ready)
        if self.transfer.finished or self.transfer.span.end is not None:
            return there
        return max(0, there - 1)

    def _take(self, amt: int | None) -> bytes:
        try:
            givable = self._givable()
            taken = self._ready.take(givable if amt is None else min(amt, givable))
        except OSError as error:  # of the disk: what comes from the network is there already
            self._let_go()
            url = self.transfer.exchange.url
            raise self._run.stack.failed(f"{url}: what was put aside is lost: {error}") from None
        if self.delivered():
            self._let_go()
        return taken
