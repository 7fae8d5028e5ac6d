"""Which bytes does pip get, however many connections it took to bring them?

The rule: pip sees one stream of the right bytes, or a clean error. Everything
is hashed as it comes, and the last bytes are handed over only when every
known digest holds. A lost connection is continued on a fresh one, a silent
one gets a second beside it, and whoever delivers first stays.

A body stands below pip's cache, which therefore stores what a clean download
would have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip_resilient.door import wing
from pip_resilient.policy.digests import Verification
from pip_resilient.policy.ranges import validator_of
from pip_resilient.policy.silence import Silence
from pip_resilient.session.lane import Cut, Garbled, Lane, lane_for
from pip_resilient.session.opener import wait_readable
from pip_resilient.session.outcome import Broken, GivenUp, Surprise
from pip_resilient.session.ready import Ready
from pip_resilient.session.stream import Stream

if TYPE_CHECKING:
    from pip_resilient.policy.failure import Failure
    from pip_resilient.policy.ranges import Span
    from pip_resilient.session.continuation import Continuation
    from pip_resilient.session.exchange import Exchange
    from pip_resilient.session.rival import Rival
    from pip_resilient.session.spool import Spool

_TELLING = 64
"""How many bytes tell a page from a file."""
_GATHER = 0.1
"""Seconds for which arriving bytes are gathered before pip gets them."""


class Body(Stream):
    """The body of one answer.

    Args:
        exchange: The request that it answers.
        up: urllib3's response, its body untouched.
        span: Which bytes of the representation it carries.

    Attributes:
        received: Offset behind the last byte that has come.
        verification: Hash of all that has come.
    """

    def __init__(self, exchange: Exchange, up: Any, span: Span) -> None:
        self.exchange = exchange
        self.run = exchange.run
        self.span = span
        self.received = span.first
        self.streams: bool = bool(exchange.options.stream)
        whole = span.first == 0 and up.status == 200
        known = self.run.digests_of(exchange.request.url) if self.streams and whole else []
        self.verification = Verification(known)
        self._first = up
        self._continuation: Continuation | None = None
        self._finished = False
        self._ready = Ready()
        self._front: Lane | None = lane_for(up, span)
        self._rival: Rival | None = None
        self._silence = Silence(self.run.clock.now(), span.first, exchange.limits.patience)

    @property
    def continuation(self) -> Continuation:
        """What asks for the rest, should it be needed."""
        if self._continuation is None:
            known = bool(self.verification.digests)
            self._continuation = wing.Continuation(
                self, validator_of(self._first.headers), known, self._first
            )
        return self._continuation

    # What urllib3 and cachecontrol ask.

    def read(self, amt: int | None = None) -> bytes:
        """Return up to `amt` bytes, b"" at the end.

        Raises:
            Broken: A page must be asked for from the start again.
            GivenUp: A page is not asked for any more.
            Exception: pip's own, which end the file cleanly: nothing more is
                tried, or the bytes fail their hash.
        """
        if self._finished or self.closed or amt == 0:
            return self._take(amt)
        self.exchange.begin_reading()
        self._silence.begin(self.run.clock.now())
        gather_until: float | None = None
        try:
            while self._wants_more(amt, gather_until):
                # What was left over by the read before waits no longer than what comes.
                if gather_until is None and amt is not None and self._givable():
                    gather_until = self.run.clock.now() + _GATHER
                self._step(gather_until)
        except BaseException as error:
            self._let_go()
            raise self._ending(error) from error.__cause__
        return self._take(amt)

    def _ending(self, error: BaseException) -> BaseException:
        """Return what pip is to see: an error of ours takes us out of its way."""
        stack = self.run.stack
        if not isinstance(error, Exception) or isinstance(
            error, (Broken, GivenUp, stack.failed, stack.wrong_bytes)
        ):
            return error
        if not self.streams:
            return Surprise(error)
        # pip's Downloader asks again, and then nothing of ours is in the way.
        self.run.stand_aside(error)
        return stack.wrong_bytes(f"{self.exchange.url}: an error of pip-resilient ended it")

    def _wants_more(self, amt: int | None, gather_until: float | None) -> bool:
        if self._finished or (amt is not None and self._givable() >= amt):
            return False
        return amt is None or gather_until is None or self.run.clock.now() < gather_until

    def begins_with(self, start: bytes) -> bool:
        """Tell how the body begins, white space aside; waits for its first bytes."""
        while not self._finished and len(self._ready) < _TELLING:
            self._step(None)
        return self._ready.start(_TELLING).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(start)

    def delivered(self) -> bool:
        """Tell whether every byte has been handed over, and no more will come."""
        return self._finished and not self._ready

    def close(self) -> None:
        """Stop reading; whatever is open is closed."""
        self.closed = True
        self._let_go()

    def _givable(self) -> int:
        """Return how many bytes may be handed over now.

        Where the length is known, bytes before the last arrival can never be
        the end; where it is not, the last byte is held back.
        """
        held = 0 if self._finished or self.span.end is not None else 1
        return max(0, len(self._ready) - held)

    def _take(self, amt: int | None) -> bytes:
        return self._ready.take(self._givable() if amt is None else min(amt, self._givable()))

    # Where bytes come from.

    def _step(self, until: float | None) -> None:
        """Take what has come; else wait a little, and look after silence and failure."""
        self._finish_if_done()
        if self._front is None:
            return
        try:
            if self._pull(self._front):
                self._drop_rival()
                self._finish_if_done()
                return
        except OSError as error:
            self._front_broke(error)
            return
        if self._rival is not None and self._rival_delivers(self._rival):
            self._finish_if_done()
            return
        self._wait(until)

    def _pull(self, lane: Lane) -> bool:
        """Take what a lane has; True if it gave bytes that are new, or its end."""
        came = lane.read()
        if came is None:
            return False
        start = lane.position - len(came)
        data: bytes | memoryview = came
        if start < self.received:
            data = self._skip(lane, memoryview(came), start)
        if data:
            self._accept(data)
        if lane.done and lane.position < self.received:
            if lane.until_close:
                raise Cut("the connection ended before what had come already")
            raise self._changed(f"{lane.position} bytes now, more than that before")
        return bool(data) or lane.done

    def _skip(self, lane: Lane, data: memoryview, start: int) -> memoryview:
        """Skip what has come before, and see that it is the same as it was."""
        known = min(len(data), self.received - start)
        if lane.prefix is not None:
            lane.prefix.update(data[:known])
            reached = start + known == self.received
            if reached and lane.prefix.fingerprint() != self.verification.fingerprint():
                raise self._changed("its beginning differs now")
        return data[known:]

    def _accept(self, data: bytes | memoryview) -> None:
        self.verification.update(data)
        self._ready.add(data)
        self.received += len(data)
        self._silence.arrived(self.run.clock.now())
        self.exchange.progress(self.received)

    def _finish_if_done(self) -> None:
        """Judge the body as soon as its last byte has come, and before pip gets that byte."""
        if self._front is None or self._front.done:
            self._finish()

    def _finish(self) -> None:
        mismatch = self.verification.mismatch()
        lane, self._front = self._front, None
        self._drop_rival()
        unsized = self.span.end is None
        short = unsized and mismatch is not None and self.continuation.may_be_short()
        if lane is not None:
            lane.release()
        if short:
            self._front_failed(wing.Failure(wing.Kind.TRUNCATED))
            return
        if mismatch is not None:
            raise self.continuation.wrong_bytes(mismatch)
        self._finished = True
        if self.streams:
            self.exchange.healed()

    # Silence.

    def _wait(self, until: float | None) -> None:
        now, silence = self.run.clock.now(), self._silence
        silent, read_timeout = now - silence.since, self.exchange.options.read_timeout()
        if silence.crawls(now, self.received):
            self._kill_front(wing.Failure(wing.Kind.CRAWL))
            return
        speed = silence.slowness(now, self.received, self.run.settings.min_speed)
        why = self.exchange.detour.leaves_body(self, silent, speed)
        if why is not None:
            self._drop_rival()
            self._kill_front(why)
            return
        left = self.exchange.time_left()
        if left is not None:
            until = min(now + left, until or now + left)
        if left == 0 or (read_timeout is not None and silent >= read_timeout):
            self._kill_front(wing.Failure(wing.Kind.SILENT, f"for {silent:.0f} s"))
            return
        if silence.asks_again(now):
            self._drop_rival()
            self.exchange.tell_silence(silent)
            self._rival = wing.Rival(self)
        assert self._front is not None  # noqa: S101  # `_step` looked
        socks = self._rival.sockets() if self._rival is not None else []
        if self._front.sock is not None:
            socks.append(self._front.sock)
        wait_readable(socks, silence.pause(now, read_timeout, until))

    def _rival_delivers(self, rival: Rival) -> bool:
        """Take what the second connection has; once it gives bytes it is the first."""
        lane = rival.lane()
        if lane is None:
            changed = rival.changed()
            if changed is not None:
                raise self.continuation.changed(changed)
            return False
        try:
            if not self._pull(lane):
                return False
        except OSError:
            self._drop_rival()
            return False
        old, self._front = self._front, lane
        self._rival = None
        rival.forget_wake()
        self._silence.second_delivered()
        if old is not None:
            old.kill()
        self.exchange.overtaken(self.received, self.received if lane.prefix is None else 0)
        return True

    # Failure.

    def _kill_front(self, failure: Failure) -> None:
        if self._front is not None:
            self._front.kill()
        self._front_failed(failure)

    def _front_broke(self, error: OSError) -> None:
        kinds = {Cut: wing.Kind.TRUNCATED, Garbled: wing.Kind.GARBLED}
        if type(error) in kinds:
            failure = wing.Failure(kinds[type(error)])
        else:
            failure = wing.translate.failure_of(error, self.exchange.proxy())
        unsized = self._front is not None and self._front.until_close
        if unsized and failure.kind is wing.Kind.TLS_EOF and self.continuation.ends_here_again():
            assert self._front is not None  # noqa: S101  # looked at two lines above
            self._front.done = True
            return
        self._front_failed(failure)

    def _front_failed(self, failure: Failure) -> None:
        """Go on over another connection."""
        lane, self._front = self._front, None
        if lane is not None:
            lane.kill()
        rival, self._rival = self._rival, None
        promoted = rival.lane() if rival is not None else None
        if rival is not None:
            rival.forget_wake() if promoted is not None else rival.cancel()
        if promoted is None and not self.streams and not self.continuation.may_range:
            raise Broken(failure)
        rest = promoted or self.continuation.after(failure)
        if not isinstance(rest, Lane):
            self._end_with(rest)
            return
        self._front = rest
        self._silence.begin(self.run.clock.now())

    def may_be_spliced(self) -> bool:
        """Tell whether the rest may come from somebody else: a whole file, its digest known."""
        whole = self.streams and self.span.first == 0 and self._first.status == 200
        return whole and bool(self.verification.digests)

    def _end_with(self, rest: Spool) -> None:
        """Take the rest from somebody else, whose bytes have been held against every digest."""
        self.received += len(rest)
        self._ready.follow(rest)
        self._finished = True
        self.exchange.healed()

    def _changed(self, why: str) -> Exception:
        """Return what says that the file became another one on the server."""
        return self.continuation.changed(wing.Failure(wing.Kind.CHANGED, why))

    def _drop_rival(self) -> None:
        rival, self._rival = self._rival, None
        if rival is not None:
            rival.cancel()

    def _let_go(self) -> None:
        self._drop_rival()
        lane, self._front = self._front, None
        if lane is not None and not self._finished:
            lane.kill()
