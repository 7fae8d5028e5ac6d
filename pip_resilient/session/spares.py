"""Who else is asked for what a host does not give, and what became of it?

The rule: `mirrors.group` says who may serve a thing, `policy.breaker` in which
order; here they are asked, one after the other, each once, and what each did
is remembered for the next request, the next run and the run beside this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pip_resilient import events
from pip_resilient.mirrors.group import Situation
from pip_resilient.policy import breaker, failover
from pip_resilient.policy.origins import host_of, place_of
from pip_resilient.session.bringer import NoRoom
from pip_resilient.session.elsewhere import Elsewhere, Unusable, WrongThere
from pip_resilient.session.pages import listed_by
from pip_resilient.session.spare_files import FileFetch, NotToBlame
from pip_resilient.session.spare_pages import PageFetch, Shown
from pip_resilient.session.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.mirrors.declared import Source
    from pip_resilient.mirrors.group import Asked
    from pip_resilient.policy.digests import Mismatch, Verification
    from pip_resilient.policy.failure import Failure
    from pip_resilient.session.exchange import Exchange
    from pip_resilient.session.lane import Lane
    from pip_resilient.session.run import Run

_Served = TypeVar("_Served")


class Told(NamedTuple):
    """What is told of a turn to others.

    Attributes:
        failure: What the host itself did; None: it was not asked.
        first: Offset of the first byte that is wanted.
        end: Offset behind the last one, or None.
        named_by: Who named the digest that the bytes are held against, or None.
    """

    failure: Failure | None
    first: int = 0
    end: int | None = None
    named_by: str | None = None


class Spares:
    """Those who may serve what one request asks for.

    Args:
        exchange: The request.
        asked: What it asks for.
        sources: Who may be asked, in the order of preference.
    """

    def __init__(self, exchange: Exchange, asked: Asked, sources: list[Source]) -> None:
        self.asked = asked
        self._exchange = exchange
        self._run = exchange.run
        self._sources = sources
        self._elsewhere = Elsewhere(exchange)
        self._tried_at: float | None = None

    def __bool__(self) -> bool:
        return bool(self._sources)

    @property
    def named(self) -> bool:
        """Whether the user named one of them for this."""
        return any(source.named for source in self._sources)

    def first(self) -> bool:
        """Tell whether they come before the host itself, which is known to be out of order.

        Where the host comes first although it is, this request is its probe.
        """
        memory = self._run.memory
        if not self._fresh():
            return False
        origin = self._exchange.request.url
        if memory.in_order(origin, self._urls())[0] != origin:
            return True
        memory.hosts.probing(host_of(origin))
        return False

    def are_due(self, failure: Failure, attempts: int) -> bool:
        """Tell whether they are to be asked after this failure of the host itself."""
        return self._fresh() and failover.is_due(failure, attempts, self.named)

    def may_replace(self, status: int) -> bool:
        """Tell whether an error status of the host itself is no answer, since others know more."""
        return self._fresh() and not self._run.group.is_answer(self.asked, status)

    def _fresh(self) -> bool:
        """Tell whether there is somebody to ask, who was not asked for this just now."""
        if not self._sources:
            return False
        since = self._tried_at
        return since is None or self._run.clock.now() - since > breaker.COOL_DOWNS[0]

    def note_failure(self, failure: Failure) -> None:
        """Note that the host itself has failed."""
        self._run.memory.hosts.failed(host_of(self._exchange.request.url), failure)

    def file(
        self,
        failure: Failure | None,
        before: Verification,
        first: int = 0,
        end: int | None = None,
        least: float | None = None,
    ) -> Spool | Mismatch | Failure | None:
        """Return bytes of a file that are known to be right, or None where nobody had them.

        A mismatch is returned where the bytes *before* them turned out to be wrong,
        or where no bytes can be right; a failure where they do not fit here.

        Args:
            failure: What the host did; None: it was not asked.
            before: Has seen the bytes before them, and knows digests.
            first: Offset of the first of them.
            end: Offset behind the last one, or None where it is not known.
            least: Bytes per second; set where the host itself is only slow.
                Then one is asked, and has to be faster than this.
        """
        fetch = FileFetch(self._exchange, self._elsewhere, self.asked, before, end, least)
        held = before.digests if first else fetch.digests
        if not held:
            return None  # nobody could tell right bytes from wrong ones
        waiting = self._in_order()[: 1 if least else None]
        left = fetch.look(first)
        if waiting and left and fetch.end and not first and self._tried_at is None:
            self._exchange.healing.taken_up(left, fetch.end, left)
        told = Told(failure, first + left, fetch.end, held[0].named_by)
        try:
            return self._first_of(waiting, lambda one, last: fetch.fetch(one, first, last), told)
        except NotToBlame as wrong:
            return wrong.mismatch
        except NoRoom as no_room:
            return no_room.failure
        finally:
            fetch.close()

    def page(self, failure: Failure | None) -> Shown | None:
        """Return the best page that another index has, in the form that pip asked for, or None."""
        fetch = PageFetch(self._exchange, self._elsewhere, self.asked)
        for source in self._in_order():
            self._first_of([source], lambda one, last: fetch.fetch(one), Told(failure))
            if fetch.is_settled():
                break
        return fetch.best()

    def _urls(self) -> list[str]:
        return [source.index_url for source in self._sources]

    def _in_order(self) -> list[Source]:
        """Return who is to be asked, out of order ones last, quarantined ones not at all."""
        by_url = {source.index_url: source for source in self._sources}
        return [by_url[url] for url in self._run.memory.in_order(None, self._urls())]

    def _first_of(
        self, waiting: list[Source], fetch: Callable[[Source, bool], _Served], told: Told
    ) -> _Served | None:
        """Ask one after the other until one serves."""
        self._tried_at = self._run.clock.now()
        hosts = self._run.memory.hosts
        while waiting:
            source = waiting.pop(0)
            host = host_of(source.index_url)
            hosts.probing(host)
            self._note_asking(source, told)
            if not source.named:
                self._spread()
            try:
                served = fetch(source, not waiting)
            except Unusable as unusable:
                hosts.failed(host, unusable.failure)
                self._note_failure(source, unusable.failure)
                if not source.named and unusable.failure.retry_after is not None:
                    return None  # a crowd is there; it is not led on to the next one
            except WrongThere as wrong:
                hosts.served_wrong(host)
                self._note_wrong(source, wrong)
            else:
                hosts.answered(host)
                if told.failure is not None:
                    origin = host_of(self._exchange.request.url)
                    hosts.failed(origin, told.failure, spare_answered=True)
                self._note_served(source, served)
                return served
        return None

    def _spread(self) -> None:
        """Wait a little before a run's first request to a mirror that nobody named."""
        run = self._run
        if not run.has_spread:
            run.has_spread = True
            run.clock.sleep(run.jitter.uniform(0.0, failover.FIRST_WAIT))

    # Parts of a body, beside the host itself.

    def named_sources(self) -> list[Source]:
        """Return those whom the user has named: only they are asked beside a host that works."""
        return [source for source in self._in_order() if source.named]

    def open_part(
        self, source: Source, before: Verification, first: int, end: int | None, total: int | None
    ) -> Lane:
        """Ask one of them for a part of a file; also called in an opener's thread.

        Raises:
            Unusable: It has not got it.
        """
        fetch = FileFetch(self._exchange, self._elsewhere, self.asked, before, total)
        return fetch.part(source, first, end)

    def feeds(self, source: Source, told: Told) -> None:
        """Note that one of them is asked for a part."""
        self._run.memory.hosts.probing(host_of(source.index_url))
        self._note_asking(source, told)

    def fed(self, source: Source, count: int) -> None:
        """Note how many bytes one of them has brought, now that they are known to be right."""
        self._run.memory.hosts.answered(host_of(source.index_url))
        self._note_count(source, count)

    def fed_badly(self, source: Source, failure: Failure) -> None:
        """Note that one of them has not brought its part."""
        self._run.memory.hosts.failed(host_of(source.index_url), failure)
        self._note_failure(source, failure)

    # What is told.

    def _note_asking(self, source: Source, told: Told) -> None:
        exchange, run = self._exchange, self._run
        run.journal.add(
            events.AskedElsewhere(
                run.at(),
                exchange.place,
                exchange.url,
                source.name,
                source.operator,
                source.named,
                self.asked.what,
                told.failure,
                told.first,
                told.end,
                told.named_by,
                place_of(source.index_url),
            )
        )

    def _note_failure(self, source: Source, failure: Failure) -> None:
        run = self._run
        place = place_of(source.index_url)
        run.journal.add(
            events.SourceFailed(run.at(), place, self._exchange.url, source.name, failure)
        )

    def _note_wrong(self, source: Source, wrong: WrongThere) -> None:
        run = self._run
        run.journal.add(
            events.Quarantined(
                run.at(),
                place_of(source.index_url),
                self._exchange.url,
                source.name,
                wrong.algorithm,
                wrong.expected,
                wrong.got,
                wrong.named_by,
            )
        )

    def _note_served(self, source: Source, served: Any) -> None:
        if isinstance(served, Spool):
            self._note_count(source, served.brought)

    def _note_count(self, source: Source, count: int) -> None:
        run, exchange = self._run, self._exchange
        run.journal.add(
            events.ServedElsewhere(
                run.at(), exchange.place, exchange.url, source.name, self.asked.what, count
            )
        )


def spares_for(exchange: Exchange) -> Spares | None:
    """Return who else may be asked for what a request asks for, or None."""
    run, asked = exchange.run, asked_by(exchange)
    if asked is None:
        return None
    situation = _situation_of(exchange.adapter.resilient_session(), run)
    return Spares(exchange, asked, run.group.sources(asked, situation))


def asked_by(exchange: Exchange) -> Asked | None:
    """Understand what a request asks for, as far as others may have it too."""
    run, url = exchange.run, exchange.request.url
    session = exchange.adapter.resilient_session()
    if session is None or run.pages.is_claimed(url):
        return None
    indexes = getattr(session.auth, "index_urls", None) or ()
    named = run.pages.named(url)
    by = None if named is None else listed_by(named.page_url)
    return run.group.asked(url, indexes, by)


def _situation_of(session: Any, run: Run) -> Situation:
    """Look at what pip's session was told by its options (pip 20.3 to 26.3)."""
    indexes = getattr(session.auth, "index_urls", None) or ()
    particular = bool(session.proxies or session.cert) or isinstance(session.verify, str)
    return Situation(tuple(indexes), run.no_index, particular, run.announced)
