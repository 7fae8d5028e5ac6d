"""What does pip get of one answer's body?

The rule: one stream of the right bytes, or a clean error. The last bytes are
handed over only when every known digest holds; how they come is the business
of the `Transfer`.

A body stands below pip's cache, which therefore stores what a clean download
would have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip_resilient.session.outcome import Broken, GivenUp, Surprise
from pip_resilient.session.stream import Stream
from pip_resilient.session.transfer import Transfer

if TYPE_CHECKING:
    from pip_resilient.policy.spans import Span
    from pip_resilient.session.aside import Aside
    from pip_resilient.session.exchange import Exchange

_TELLING = 64
"""How many bytes tell a page from a file."""
_GATHER = 0.1
"""Seconds for which arriving bytes are gathered before pip gets them."""


class Body(Stream):
    """The body of one answer; arguments as of `Transfer`."""

    def __init__(self, exchange: Exchange, up: Any, span: Span, aside: Aside | None = None) -> None:
        self.transfer = Transfer(exchange, up, span, aside)
        self._run = exchange.run
        self._ready = self.transfer.ready

    def read(self, amt: int | None = None) -> bytes:
        """Return up to `amt` bytes, b"" at the end.

        Raises:
            Broken: A page must be asked for from the start again.
            GivenUp: A page is not asked for any more.
            Exception: pip's own, which end the file cleanly: nothing more is
                tried, or the bytes fail their hash.
        """
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
        except BaseException as error:
            self.transfer.close()
            raise self._ending(error) from error.__cause__
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

    def begins_with(self, start: bytes) -> bool:
        """Tell how the body begins, white space aside; waits for its first bytes."""
        while not self.transfer.finished and len(self._ready) < _TELLING:
            self.transfer.step(None)
        return self._ready.start(_TELLING).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(start)

    def delivered(self) -> bool:
        """Tell whether every byte has been handed over, and no more will come."""
        return self.transfer.finished and not self._ready

    def close(self) -> None:
        """Stop reading; whatever is open is closed."""
        self.closed = True
        self.transfer.close()

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
            self.transfer.close()
            url = self.transfer.exchange.url
            raise self._run.stack.failed(f"{url}: what was put aside is lost: {error}") from None
        if self.delivered():
            self.transfer.close()
        return taken
