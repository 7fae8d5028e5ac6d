"""Which connections bring one body, once a single one is not enough?

The rule: `policy.plan` decides; here connections are opened and closed, and
read in pip's own thread. Helper threads only open (`opener`). Bytes whose turn
has come go to the body, all others are put aside.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import place_of
from pip_resilient.policy.plan import Drop, Open, Plan, Way
from pip_resilient.session import translate
from pip_resilient.session.continuation import Changed, Unanswered
from pip_resilient.session.elsewhere import Unusable
from pip_resilient.session.lane import Lane
from pip_resilient.session.opener import Opener
from pip_resilient.session.outcome import Broken, Surprise
from pip_resilient.session.spares import Told
from pip_resilient.session.watch import wait_readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.policy.silence import Silence
    from pip_resilient.session.aside import Aside
    from pip_resilient.session.spares import Spares
    from pip_resilient.session.transfer import Transfer


class Lanes:
    """The connections of one transfer.

    Args:
        transfer: Gets the bytes.
        aside: Takes those whose turn has not come.
        front: The connection that there is.
        rhythm: How its bytes have come so far.

    Attributes:
        plan: What decides.
        failure: What happened to the connection that broke last.
        ended: Whether a body of unknown length has come to its end.
    """

    def __init__(self, transfer: Transfer, aside: Aside, front: Lane, rhythm: Silence) -> None:
        self._transfer = transfer
        self._aside = aside
        self._run = transfer.run
        self._open: dict[int, Lane] = {0: front}
        self._opening: dict[int, Opener] = {}
        self._asked: dict[int, Open] = {}
        detour, end = transfer.exchange.detour, transfer.span.end
        roomy = end is None or aside.has_room(end - transfer.received)
        self._spares = detour.spares() if roomy and transfer.may_be_spliced() else None
        self._sources = [] if self._spares is None else self._spares.named_sources()
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self.failure = Failure(Kind.TRUNCATED)
        self.ended = False
        self._most = 1
        self._served: dict[int, int] = {}
        self._told: set[int] = set()
        brought = transfer.received - rhythm.began[1]
        reached = transfer.received + (aside.here(transfer.received) if front.prefix is None else 0)
        self.plan = Plan(
            [Way(detour.widest(transfer) if roomy else 1), *(Way() for _ in self._sources)],
            transfer.span.first,
            end,
            rhythm.began[0],
            received=reached - brought,
            have=[known for known in aside.known() if known[1] > reached],
            widest=self._run.widest.get(transfer.exchange.place, 1),
            hedges=self._run.may_hedge,
        )
        self.plan.arrived(0, brought, rhythm.since)
        if not transfer.continuation.may_range:
            self.plan.no_ranges(0, rhythm.since)

    @property
    def alive(self) -> bool:
        """Whether any connection may still bring something."""
        return self.plan.alive and self.failure.transient

    def bring(self) -> bool:
        """Take what has come, and do what the plan says; True if anything came, or may have."""
        came = False
        for number, lane in list(self._open.items()):
            if number in self._open:
                came = self._read(number, lane) or came
        came = self._take_opened() or came
        if self.failure.transient:
            for action in self.plan.decide(self._run.clock.now()):
                self._do(action)
        return came

    def wait(self, until: float | None) -> None:
        """Wait until a connection has something, or the plan or somebody else wants to look.

        Args:
            until: The moment at which somebody wants to look anyway, or None.
        """
        now = self._run.clock.now()
        pause = self.plan.pause(now)
        if until is not None:
            pause = min(pause, until - now)
        socks = [lane.sock for lane in self._open.values() if lane.sock is not None]
        wait_readable([self._near, *socks], pause)
        with contextlib.suppress(OSError):
            self._near.recv(64)

    # What comes.

    def _read(self, number: int, lane: Lane) -> bool:
        try:
            came = lane.read()
        except OSError as error:
            self._broke(number, lane, error)
            return True
        if came is None:
            return False
        try:
            self._take(number, lane, came)
        except OSError as error:  # what must be withheld does not fit: no connection helps
            self.kill_all(translate.failure_of_body(error))
        if lane.done and number in self._open:
            self._ran_out(number, lane)
        return True

    def _take(self, number: int, lane: Lane, came: bytes) -> None:
        transfer, plan, now = self._transfer, self.plan, self._run.clock.now()
        data: bytes | memoryview = came
        start = lane.position - len(came)
        if start < transfer.received and lane.prefix is not None:
            data = transfer.skip(lane, memoryview(came), start)
            start = lane.position - len(data)
        data, start = self._wanted(number, data, start)
        if not data:
            plan.arrived(number, 0, now)  # it is not silent
            transfer.heard()
            return
        lane.prefix = None  # from here on nothing is compared
        source = self._asked[number].source if number in self._asked else 0
        if start == transfer.received:
            transfer.accept(data, foreign=source > 0)
        elif not self._aside.put(start, data, foreign=source > 0):
            plan.no_ranges(0, now)  # nowhere to put anything aside
            self._lose(number, Failure(Kind.DISK))
            return
        self._served[source] = self._served.get(source, 0) + len(data)
        if self._beside(number) is not None:
            self._asked[number] = self._asked[number]._replace(beside=None)
            saved = transfer.brought if self._asked[number].first else 0
            transfer.exchange.healing.overtaken(start, saved)
        plan.arrived(number, len(data), now)
        transfer.grew(len(data), self._place(source))

    def _wanted(
        self, number: int, data: bytes | memoryview, start: int
    ) -> tuple[bytes | memoryview, int]:
        """Return what of these bytes nobody has brought yet, and where that begins."""
        first, stop = self.plan.position(number), self.plan.stop(number)
        if start < first:
            data, start = memoryview(data)[first - start :], max(start, first)
        if stop is not None and start + len(data) > stop:
            data = memoryview(data)[: max(0, stop - start)]
        return data, start

    def _place(self, source: int) -> str | None:
        return place_of(self._sources[source - 1].index_url) if source else None

    def _beside(self, number: int) -> int | None:
        asked = self._asked.get(number)
        return None if asked is None else asked.beside

    def _ran_out(self, number: int, lane: Lane) -> None:
        """See to a connection whose answer has ended."""
        stop = self.plan.stop(number)
        if self._transfer.span.end is None:
            if lane.position >= self._transfer.received:
                self.ended = True
                return
            error = self._transfer.shorter(lane)
            if not isinstance(error, OSError):  # another file, and no cut one
                raise error
            self._broke(number, lane, error)
        elif stop is not None and lane.position < stop:
            self._lose(number, Failure(Kind.TRUNCATED))

    # What breaks.

    def _broke(self, number: int, lane: Lane, error: OSError) -> None:
        failure = translate.failure_of_body(error, self._transfer.exchange.proxy())
        if self._transfer.continuation.is_the_end(lane, failure):
            lane.done = self.ended = True
        else:
            self._lose(number, failure)

    def _lose(self, number: int, failure: Failure, refused: bool = False) -> None:
        """Note that a connection is gone, or that there never was one."""
        now, asked = self._run.clock.now(), self._asked.get(number)
        if self._beside(number) is None and failure.transient:  # others say nothing of the host
            self.failure = failure
        lane = self._open.pop(number, None)
        self._opening.pop(number, None)
        if lane is not None:
            lane.kill()
        self.plan.failed(number, now, refused)
        if asked is not None and asked.source > 0:
            self._spares_there().fed_badly(self._sources[asked.source - 1], failure)
            self.plan.gone(asked.source, now)
        elif lane is not None and self.plan.alive:
            transfer = self._transfer
            transfer.exchange.healing.lost_one(failure, lane.position, transfer.brought)

    def kill_all(self, failure: Failure) -> None:
        """Close every connection, open or not, since one failure is that of all."""
        for number in [*self._open, *self._opening]:
            self._close(number)
            self.plan.failed(number, self._run.clock.now())
        self.failure = failure

    # What the plan says.

    def _do(self, action: Open | Drop) -> None:
        if isinstance(action, Drop):
            self._close(action.number)
            return
        run, exchange = self._run, self._transfer.exchange
        self._asked[action.number] = action
        self._opening[action.number] = Opener(
            run.dialer, self._asker(action), lambda lane: lane.kill(), self._far, action.fresh
        )
        if action.source:
            if action.source not in self._told:
                self._tell_feeding(action)
        elif action.beside is not None:
            if self._waits_for(action.beside):
                exchange.healing.silent(self.plan.waited(action.beside, run.clock.now()))
        elif len(self._open) + len(self._opening) > self._most:
            self._most = len(self._open) + len(self._opening)
            exchange.healing.widened(self._most, action.first)

    def _spares_there(self) -> Spares:
        assert self._spares is not None  # noqa: S101  # they named the sources
        return self._spares

    def _tell_feeding(self, action: Open) -> None:
        """Note that a source is asked for its first part; those that follow are no news."""
        self._told.add(action.source)
        transfer, now = self._transfer, self._run.clock.now()
        failure = Failure(Kind.CRAWL, f"{self.plan.speed(now) / 1000:.1f} kB/s")
        if action.beside is not None:
            failure = Failure(Kind.SILENT, f"for {self.plan.waited(action.beside, now):.0f} s")
        named_by = transfer.verification.digests[0].named_by
        told = Told(failure, action.first, transfer.span.end, named_by)
        self._spares_there().feeds(self._sources[action.source - 1], told)

    def _waits_for(self, number: int) -> bool:
        """Tell whether a connection's next byte is the next one that pip gets."""
        return self.plan.position(number) == self.plan.received

    def _asker(self, action: Open) -> Callable[[], Any]:
        transfer = self._transfer
        if action.source:
            source, spares = self._sources[action.source - 1], self._spares_there()
            known, total = transfer.verification.afresh(), transfer.span.end
            return lambda: spares.open_part(source, known, action.first, action.end, total)
        end = None if action.end == transfer.span.end else action.end
        return lambda: transfer.continuation.ask(action.first, end)

    def _close(self, number: int) -> None:
        opener = self._opening.pop(number, None)
        if opener is not None:
            opener.cancel()
        lane = self._open.pop(number, None)
        if lane is not None:
            lane.release() if lane.done else lane.kill()

    def _take_opened(self) -> bool:
        """Take the answers that have come since, and what became of the others; True: read now."""
        before = len(self._open)
        for number, opener in list(self._opening.items()):
            if not opener.done or number not in self._opening:
                continue
            answer = opener.answer
            if isinstance(answer, Lane) and (answer.sock is not None or not self._open):
                self._admit(number, answer)
            elif isinstance(answer, Lane):
                answer.kill()  # without a socket nothing can be looked at beside it
                self._lose(number, Failure(Kind.STACK), refused=True)
            else:
                self._never_opened(number, answer, opener.error)
        return len(self._open) > before

    def _admit(self, number: int, lane: Lane) -> None:
        now, asked = self._run.clock.now(), self._asked[number]
        whole = lane.position != asked.first
        if whole and (asked.first != self._transfer.received or asked.source):
            lane.kill()
            self.plan.no_ranges(asked.source, now)
            self._lose(number, Failure(Kind.GARBLED, "the whole came for a part"), refused=True)
            return
        if whole:
            self._asked[number] = asked._replace(first=lane.position)
        del self._opening[number]
        self._open[number] = lane
        self.plan.opened(number, now, lane.position)

    def _never_opened(self, number: int, answer: Any, error: BaseException | None) -> None:
        if isinstance(error, Changed):
            raise self._transfer.continuation.changed(error.failure)
        if isinstance(error, (Broken, Surprise)):
            raise error
        if isinstance(error, Unanswered):
            failure = translate.failure_of(error.error, self._transfer.exchange.proxy())
        elif isinstance(error, Unusable):
            failure = error.failure
        elif error is not None:
            raise error
        else:
            failure = answer if isinstance(answer, Failure) else Failure(Kind.STACK)
        self._lose(number, failure, refused=error is None)

    # Going on.

    def continued(self, lane: Lane) -> None:
        """Take a connection that was opened by patience, after all the others were gone."""
        now = self._run.clock.now()
        if lane.position < self._transfer.received:
            self.plan.no_ranges(0, now)
        self._open[self.plan.continued(now)] = lane

    def tell_served(self) -> None:
        """Note what other sources have brought, now that it is known to be right."""
        for source, count in self._served.items():
            if source:
                self._spares_there().fed(self._sources[source - 1], count)

    def close(self) -> None:
        """Close whatever is open; what has been read to its end may be used again."""
        for number in [*self._open, *self._opening]:
            self._close(number)
        self._run.widest[self._transfer.exchange.place] = self.plan.widest
        self._near.close()
        self._far.close()
