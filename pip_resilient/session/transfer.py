"""How do all the bytes of one body come, whatever happens on the way?

The rule: in order, each hashed, and judged before the last of them is handed
on. A transfer begins with one connection; once that is silent, or takes its
time, several may bring the body (`lanes`). Where all are lost, it goes on over
a fresh one, with patience (`continuation`). What another host than the asked
one has brought is withheld until the whole is known to be right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip_resilient.door import wing
from pip_resilient.policy.digests import Verification
from pip_resilient.policy.silence import Silence
from pip_resilient.session.lane import Cut, Lane, lane_for
from pip_resilient.session.outcome import Broken
from pip_resilient.session.ready import Ready
from pip_resilient.session.watch import wait_readable

if TYPE_CHECKING:
    from pip_resilient.policy.failure import Failure
    from pip_resilient.policy.spans import Span
    from pip_resilient.session.aside import Aside
    from pip_resilient.session.continuation import Continuation
    from pip_resilient.session.exchange import Exchange
    from pip_resilient.session.lanes import Lanes
    from pip_resilient.session.spool import Spool

_EARLY = 8 << 20
"""Bytes that are remembered for the next run, until it is clear that they are worth it."""
_LOOK = 60.0
"""Seconds after which silence is looked at, if nothing else calls for it."""


class Transfer:
    """The transfer of one body.

    Args:
        exchange: The request that it answers.
        up: urllib3's response, its body untouched.
        span: Which bytes of the representation pip is to get.
        aside: What an earlier run has left of this file, or None. Then the
            answer carries what follows the beginning that is there.

    Attributes:
        received: Offset behind the last byte that has had its turn.
        brought: How many bytes have come, in their turn or not.
        verification: Hash of all of these.
        ready: Those of them that pip may have.
        named: Every digest that is known of it.
        aside: Bytes that wait for their turn or are kept for the next run, if any.
        finished: Whether all have come, and are right.
    """

    def __init__(self, exchange: Exchange, up: Any, span: Span, aside: Aside | None = None) -> None:
        self.exchange = exchange
        self.run = exchange.run
        self.span = span
        self.received = span.first
        self.streams: bool = bool(exchange.options.stream)
        self._whole = self.streams and span.first == 0 and (up.status == 200 or aside is not None)
        url = exchange.request.url
        self.named = self.run.digests_of(url) if self._whole else []
        self.verification = Verification(self.run.enough_of(self.named, url))
        self._first = up
        self._continuation: Continuation | None = None
        self.finished = False
        self.ready = Ready()
        self._early: list[bytes | memoryview] | None = [] if self.may_be_spliced() else None
        self.brought = 0
        self._silence = Silence(self.run.clock.now(), span.first, exchange.limits.patience)
        self._lanes: Lanes | None = None
        self.aside = aside
        if aside is not None:
            first = aside.beginning()
            span = span._replace(first=first, end=aside.next_known(first) or span.end)
        self._front: Lane | None = lane_for(up, span)

    @property
    def continuation(self) -> Continuation:
        """What asks for the rest, should it be needed."""
        if self._continuation is None:
            known = bool(self.verification.digests)
            self._continuation = wing.Continuation(
                self, wing.ranges.validator_of(self._first.headers), known, self._first
            )
        return self._continuation

    # What comes.

    def resume(self) -> None:
        """Note that pip reads again: what it did meanwhile was nobody's silence."""
        now = self.run.clock.now()
        self.exchange.begin_reading()
        self._silence.anew(now)
        if self._lanes is not None:
            self._lanes.plan.resumed(now)

    @property
    def at_end(self) -> bool:
        """Whether all has come; it is judged before it is `finished`."""
        return self._lanes is None and (self._front is None or self._front.done)

    def step(self, until: float | None, judging: bool = True) -> None:
        """Take what has come; else wait a little, and look after silence and failure."""
        if self.aside is not None and self._lanes is None and self._front is not None:
            self._take_more(self._front)
        if self._lanes is not None:
            self._step_with_several(self._lanes, until)
            return
        try:
            waits = not self.at_end and self._front is not None and not self._pull(self._front)
        except OSError as error:
            self._front_broke(error)
            return
        if waits:
            self._wait(until)
        elif judging and self.at_end:  # before pip gets the last byte
            self._finish()

    def _pull(self, lane: Lane) -> bool:
        """Take what the only connection has; True if it gave bytes that are new, or its end."""
        came = lane.read()
        if came is None:
            return False
        start = lane.position - len(came)
        data: bytes | memoryview = came
        if start < self.received:
            data = self.skip(lane, memoryview(came), start)
        if data:
            self.accept(data)
            self.grew(len(data))
        if lane.done and lane.position < self.received:
            raise self.shorter(lane)
        return bool(data) or lane.done

    def skip(self, lane: Lane, data: memoryview, start: int) -> memoryview:
        """Skip what has come before, and see that it is the same as it was."""
        known = min(len(data), self.received - start)
        self.heard()
        if lane.prefix is not None:
            lane.prefix.update(data[:known])
            if start + known == self.received:
                if lane.prefix.fingerprint() != self.verification.fingerprint():
                    raise self.continuation.became_another("its beginning differs now")
                lane.prefix = None
        return data[known:]

    def shorter(self, lane: Lane) -> Exception:
        """Return what says that a whole body ended before what had come already."""
        if lane.until_close:
            return Cut("the connection ended before what had come already")
        return self.continuation.became_another(f"{lane.position} bytes now, more than that before")

    def accept(self, data: bytes | memoryview, foreign: bool = False) -> None:
        """Take the next bytes.

        Args:
            data: The bytes.
            foreign: Whether another host than the asked one has brought them.

        Raises:
            OSError: They must be withheld, and the disk is full.
        """
        if self.aside is not None:
            self.aside.pass_on(self.received, data, foreign)
        elif self._early is not None:
            self._early.append(data)
            if self.received > _EARLY:
                self._early = None
        self._hand_on(data)

    def _hand_on(self, data: bytes | memoryview) -> None:
        self.verification.update(data)
        if self.aside is None or self.aside.withheld_from is None:
            self.ready.add(data)
        self.received += len(data)

    def grew(self, count: int, place: str | None = None) -> None:
        """Note that bytes have come, from elsewhere than asked or not, which are new."""
        self.brought += count
        self.heard()
        self.exchange.progress(self.brought, place)

    def heard(self) -> None:
        """Note that a connection is not silent, be it new or not what it brings."""
        self._silence.anew(self.run.clock.now())

    def _finish(self) -> None:
        mismatch = self.verification.mismatch()
        lane, self._front = self._front, None
        lanes, self._lanes = self._lanes, None
        short = mismatch and self.span.end is None and self.continuation.may_be_short()
        if lane is not None:
            lane.release()
        if lanes is not None:
            lanes.close()
        if short:
            self._front_failed(wing.Failure(wing.Kind.TRUNCATED))
            return
        if mismatch is not None:
            raise self.continuation.wrong_bytes(mismatch)
        if self.aside is not None:
            self.aside.give_out(self.received, self.ready)
        self.finished = True
        if lanes is not None:
            lanes.tell_served()
        if self.streams:
            self.exchange.healed()

    # Several connections.

    def _take_more(self, front: Lane) -> None:
        """Let as many connections bring the body as it takes, from now on."""
        self._lanes = wing.Lanes(self, self.put_aside(), front, self._silence)
        self._front = None

    def _step_with_several(self, lanes: Lanes, until: float | None) -> None:
        came = lanes.bring()
        fed = self._feed()
        if lanes.ended or self.received == self.span.end:
            self._finish()
        elif not came and not fed and not lanes.alive:
            self._front_failed(lanes.failure)
        elif not came and not fed:
            self._wait(until)

    def _feed(self) -> bool:
        """Let bytes have their turn that were put aside; True if there were any."""
        assert self.aside is not None  # noqa: S101  # `_take_more` made it
        try:
            data = self.aside.next(self.received)
        except OSError as error:
            self.aside.discard()
            raise self.continuation.became_another(str(error)) from None
        if data:
            self._hand_on(data)
        return bool(data)

    # Silence and failure.

    def _wait(self, until: float | None) -> None:
        now, silence = self.run.clock.now(), self._silence
        silent = now - silence.since
        failure = self._verdict(now, silent)
        if failure is not None:
            self._end_connections(failure)
            return
        limits = (self.exchange.time_left(), silence.until_spare(now), self._until_dead(silent))
        until = min([now + one for one in limits if one is not None] + [until or now + _LOOK])
        if self._lanes is not None:
            self._lanes.wait(until)
            return
        if self._front is None or self._front.sock is None:
            return  # reading it waits
        calm = silence.calm(now, self.received, self.span.end if self._whole else None)
        if not calm:
            self._take_more(self._front)
            return
        if wait_readable([self._front.sock], min(calm, until - now)):
            gathering = silence.gathering(self.run.clock.now(), self.received, self.span.end)
            self.run.clock.sleep(gathering)

    def _verdict(self, now: float, silent: float) -> Failure | None:
        """Tell what the connections have to be given up for, if for anything."""
        reached = self.span.first + self.brought
        if self._silence.crawls(now, reached):
            return wing.Failure(wing.Kind.CRAWL)
        speed = self._silence.slowness(now, reached, self.run.settings.min_speed)
        helped = self._lanes is not None and self._lanes.plan.helped(now)
        why = None if helped else self.exchange.detour.leaves_body(self, silent, speed)
        if why is None and 0 in (self.exchange.time_left(), self._until_dead(silent)):
            why = wing.Failure(wing.Kind.SILENT, f"for {silent:.0f} s")
        return why

    def _until_dead(self, silent: float) -> float | None:
        read_timeout = self.exchange.options.read_timeout()
        return None if read_timeout is None else max(0.0, read_timeout - silent)

    def _end_connections(self, failure: Failure) -> None:
        if self._lanes is not None:
            self._lanes.kill_all(failure)
        elif self._front is not None:
            self._front.kill()
        self._front_failed(failure)

    def _front_broke(self, error: OSError) -> None:
        failure = wing.translate.failure_of_body(error, self.exchange.proxy())
        if self._front is not None and self.continuation.is_the_end(self._front, failure):
            self._front.done = True
        else:
            self._front_failed(failure)

    def _front_failed(self, failure: Failure) -> None:
        """Go on over another connection, with patience: there is none any more."""
        lane, self._front = self._front, None
        if lane is not None:
            lane.kill()
        if not self.streams and not self.continuation.may_range:
            raise Broken(failure)
        rest = self.continuation.after(failure)
        if not isinstance(rest, Lane):
            self._end_with(rest)
        elif self._lanes is not None:
            self._lanes.continued(rest)
        else:
            self._front = rest
        self._silence.anew(self.run.clock.now())

    def put_aside(self) -> Aside:
        """Put aside from now on what the next run may want, and what has come; return where."""
        if self.aside is None:
            self.aside = wing.aside.opened(self, self._early or [])
        self._early = None
        return self.aside

    def next_known(self, offset: int) -> int | None:
        """Return up to where the bytes from an offset on are wanted, None: to the end."""
        return None if self.aside is None else self.aside.next_known(offset)

    def may_be_spliced(self) -> bool:
        """Tell whether the rest may come from somebody else: a whole file, its digest known."""
        return self._whole and bool(self.verification.digests)

    def _end_with(self, rest: Spool) -> None:
        """Take the rest from somebody else, whose bytes have been held against every digest."""
        if self.aside is not None:
            self.aside.give_out(self.received, self.ready)
        self.received += len(rest)
        self.ready.follow(rest)
        self.finished = True
        self._close_lanes()
        self.exchange.healed()

    def _close_lanes(self) -> None:
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            lanes.close()

    def close(self) -> None:
        """Close whatever is open; what has come is kept for the next run."""
        self._close_lanes()
        lane, self._front = self._front, None
        if lane is not None and not self.finished:
            lane.kill()
        if self.aside is not None:
            self.aside.finish() if self.finished and not self.ready else self.aside.close()
            self.aside = None
