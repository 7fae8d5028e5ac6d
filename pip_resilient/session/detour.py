"""When is somebody else asked, and what does pip get then?

The rule: the host that pip named comes first, unless it is known to be out of
order; others are looked for only once it has failed, so that a healthy run
knows nothing of them. Bytes of somebody else reach pip only after every digest
of the file held; what goes wrong before that begins the file anew, without us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip_resilient.door import wing
from pip_resilient.policy.digests import Mismatch, Verification
from pip_resilient.policy.index_urls import spelt
from pip_resilient.policy.numbers import known_serial
from pip_resilient.policy.origins import host_of, same_origin
from pip_resilient.policy.patience import SPARE_STALL
from pip_resilient.session.outcome import Broken, Failed, GivenUp
from pip_resilient.session.pages import Page

if TYPE_CHECKING:
    from pip_resilient.policy.failure import Failure
    from pip_resilient.session.exchange import Exchange
    from pip_resilient.session.recall import Recall
    from pip_resilient.session.spares import Spares
    from pip_resilient.session.spool import Spool
    from pip_resilient.session.transfer import Transfer

_FOR_EVER = "max-age=365000000, immutable, public"
_REFUSALS = (403, 404, 410)


class Detour:
    """The other ways of one exchange.

    Args:
        exchange: A request of pip's.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._run = exchange.run
        self._spares: Spares | None = None
        self._looked = False
        self._least_speed: float | None = None

    def lend_login(self) -> None:
        """Give a file that a spare's page named what the user gave for that spare.

        And nothing that the user meant for the host which pip would have asked.
        """
        if self._run.knows_mirrors:
            request = self._exchange.request
            agent = request.headers.get("User-Agent")
            if agent and self._run.pages.is_strange(request.url):
                request.headers["User-Agent"] = wing.disclosure.without_user_data(agent)
            said = self._run.group.declared
            for source in (*said.named, *(source for _, source in said.spares)):
                if source.login and same_origin(source.index_url, request.url):
                    request.headers.setdefault("Authorization", wing.disclosure.basic(source.login))

    def note_answer(self, response: Any) -> None:
        """Note that the host itself has answered, where it was asked."""
        if self._run.remembers and self._was_asked_for(response):
            self._run.memory.hosts.answered(host_of(self._exchange.request.url))

    def _was_asked_for(self, response: Any) -> bool:
        """Tell whether the host itself has part in an answer: pip's cache alone may have it."""
        return self._exchange.revalidated or not getattr(response, "from_cache", False)

    def spares(self) -> Spares | None:
        """Return who else may be asked; None where nobody may."""
        exchange = self._exchange
        if not self._looked:
            self._looked = True
            whole = exchange.request.method == "GET" and "Range" not in exchange.request.headers
            if whole and exchange.limits.retries != 0:
                self._spares = wing.spares.spares_for(exchange)
        return self._spares or None

    def hastily(self) -> bool:
        """Tell whether an attempt may be short, since others are known to be there."""
        return self._run.knows_mirrors and self.leaves()

    def leaves(self) -> bool:
        """Tell whether a silent host is left for others now; they are looked for."""
        spares = self.spares()
        return spares is not None and spares.are_due(wing.Failure(wing.Kind.SILENT), 1)

    def first(self) -> Any:
        """Return an answer of pip's cache, or of others, where the host is out of order."""
        if not (self._run.remembers or self._exchange.again):
            return None
        spares = self.spares()
        if spares is None or not (self._exchange.again or spares.first()):
            return None
        cached = self._cached()
        if cached is not None:
            self._exchange.answered(cached)
            return cached
        wrong = wing.Failure(wing.Kind.WRONG_BYTES) if self._exchange.again else None
        return self._answer(spares, wrong)

    def _cached(self) -> Any:
        """Return what pip's cache holds and would use without asking anybody, or None."""
        exchange = self._exchange
        try:
            with self._run.dialer.ask(cache_only=True):
                return exchange.adapter.send_below(exchange.request, exchange.options)
        except Exception:  # `NotAsked`; or theirs, which the attempt meets again
            return None

    def after(self, failed: Failed, attempts: int) -> Any:
        """Return an answer of others after a failure of the host itself, or None."""
        spares = self.spares()
        if spares is None:
            return None
        spares.note_failure(failed.failure)
        if not spares.are_due(failed.failure, attempts):
            return None
        return self._answer(spares, failed.failure)

    def instead_of(self, response: Any) -> Any:
        """Return an answer of others where a refusal says nothing of what exists, or None."""
        status = response.status_code
        if status not in _REFUSALS:
            return None
        spares = self.spares()
        if spares is None or not spares.may_replace(status):
            return None
        return self._answer(spares, wing.Failure(wing.Kind.STATUS, status=status))

    def _answer(self, spares: Spares, failure: Failure | None) -> Any:
        exchange = self._exchange
        if spares.asked.what == "page":
            page = self._page(spares, failure)
            exchange.begin_reading()
            return page
        url, run = exchange.request.url, self._run
        known = run.digests_of(url)
        spool = spares.file(failure, Verification(known))
        exchange.begin_reading()
        if isinstance(spool, Mismatch):  # nothing was there before that could be wrong
            spool = wing.Failure(wing.Kind.CONTRADICTED, _contradiction(spool))
        if isinstance(spool, wing.Failure):
            raise self._ended(spool)
        if spool is None:
            return None
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(spool)),
            "Date": run.memory.date(),
        }
        # What only somebody else says of a URL is not kept for when the index says it again.
        said = (run.pages.has_named(url, one.algorithm, one.value) for one in known)
        keeps = not run.pages.is_strange(url) or any(said)
        if keeps:
            headers["Cache-Control"] = _FOR_EVER
        answer = run.stack.answer(spool, headers)
        return exchange.adapter.answer_with_file(exchange.request, answer, keeps)

    def _ended(self, failure: Failure, offset: int | None = None) -> GivenUp:
        """Return what ends a file that nobody else can bring either; it is noted.

        Args:
            failure: Why; a permanent one.
            offset: How many bytes of the body have come, None before the body.
        """
        error = self._run.stack.unable(f"{self._exchange.url}: {failure.said}")
        try:
            self._exchange.back_off(Failed(failure, error), offset)
        except GivenUp as given_up:
            return given_up
        raise AssertionError(f"{failure.said} is no end")

    def _page(self, spares: Spares, failure: Failure | None) -> Any:
        shown = spares.page(failure)
        if shown is None:
            return None
        exchange, run = self._exchange, self._run
        run.journal.add(
            wing.events.PageElsewhere(
                run.at(),
                exchange.place,
                exchange.url,
                shown.source,
                stale=shown.stale,
                withheld=shown.withheld,
            )
        )
        by_pypi = shown.place == run.stack.host
        return self._shown(shown.content, shown.content_type, shown.place, by_pypi)

    def _shown(self, content: bytes, content_type: str, served_by: str, known: bool) -> Any:
        exchange, run = self._exchange, self._run
        run.pages.passed(Page(exchange.request.url, content_type, content, served_by, known))
        return exchange.adapter.answer_with_page(exchange.request, content, content_type)

    def keep_page(self, response: Any) -> None:
        """Keep a page that its own index served over verified TLS, without credentials."""
        exchange, run = self._exchange, self._run
        request, session = exchange.request, exchange.adapter.resilient_session()
        secret = exchange.options.cert or "Authorization" in request.headers
        if run.state_dir is None or session is None or secret:
            return
        trusted = getattr(session, "_trusted_host_adapter", None)
        if not request.url.startswith("https://") or exchange.adapter is trusted:
            return
        asked = spelt(request.url) or ""
        for base in map(spelt, getattr(session.auth, "index_urls", None) or ()):
            if base is None or not asked.startswith(base):
                continue
            project = asked[len(base) :].rstrip("/")
            if not project or "/" in project:
                continue
            if self._was_asked_for(response):
                content_type = response.headers.get("Content-Type", "")
                serial = known_serial(response.headers.get("X-PyPI-Last-Serial"))
                run.last_good.keep(base, project, response.content, content_type, serial)
            return

    def last_resort(self) -> Any:
        """Return the index's own last good page, where nothing newer can be had, or None."""
        exchange, run = self._exchange, self._run
        asked = None if exchange.wants_file else wing.spares.asked_by(exchange)
        if asked is None or asked.what != "page" or not run.settings.stale:
            return None
        accept = exchange.request.headers.get("Accept", "")
        again = run.memory.page_again(asked, accept, run.settings.stale)
        if again is None:
            return None
        run.journal.add(
            wing.events.PageElsewhere(
                run.at(), exchange.place, exchange.url, "", age=again.age, stale=True
            )
        )
        as_it_was = f"{exchange.place} as it was"
        return self._shown(again.content, again.content_type, as_it_was, known=True)

    def recalled(self) -> Recall | None:
        """Return what an earlier run has left of a file, or None."""
        exchange, run = self._exchange, self._run
        request = exchange.request
        if not exchange.wants_file or exchange.again or not run.has_partials:
            return None
        if request.method != "GET" or "Range" in request.headers or exchange.limits.retries == 0:
            return None
        known = run.digests_of(request.url)
        partial = run.partials.left_of(known[0].algorithm, known[0].value) if known else None
        recall = None if partial is None else wing.Recall(exchange, partial)
        return recall if recall is not None and recall.aside.known() else None

    # In the midst of a body.

    def widest(self, transfer: Transfer) -> int:
        """Return how many connections may bring a body at once.

        One where nothing would show that its parts belong together, and one
        to a public mirror, which is asked by many.
        """
        if not transfer.may_be_spliced():
            return 1
        asked = wing.spares.asked_by(self._exchange)
        if asked is not None and asked.whose == "preset":
            return 1
        return self._run.settings.connections

    def leaves_body(self, transfer: Transfer, silent: float, speed: float | None) -> Failure | None:
        """Tell why the rest of a body should be asked of others now, or None.

        Args:
            transfer: Of the body.
            silent: Seconds since its last byte.
            speed: Bytes per second, where it has been too slow for long.
        """
        if self._least_speed is not None:
            speed = None  # asked once: the line itself may be slow
        if (silent < SPARE_STALL and speed is None) or not transfer.may_be_spliced():
            return None
        failure = wing.Failure(wing.Kind.SILENT, f"for {silent:.0f} s")
        if speed is not None:
            failure = wing.Failure(wing.Kind.CRAWL, f"{speed / 1000:.1f} kB/s")
        spares = self.spares()
        if spares is None or not spares.are_due(failure, 1):
            return None
        if speed is not None:
            self._least_speed = 2 * speed
        return failure

    def rest(self, transfer: Transfer, failure: Failure, attempts: int) -> Spool | None:
        """Return the rest of a body from others, its digests held; None where nobody has it.

        Raises:
            Broken: A page is left for that of somebody else.
            Exception: pip's own: it does not fit here, or what had come was wrong.
        """
        spares = self.spares()
        if spares is None:
            return None
        spares.note_failure(failure)
        if not spares.are_due(failure, attempts):
            return None
        if not transfer.streams:
            raise Broken(failure)  # a page of others is another page
        if not transfer.may_be_spliced():
            return None
        least = self._least_speed if failure.kind is wing.Kind.CRAWL else None
        transfer.put_aside().settle()  # they go on with the same unfinished file
        before, first, end = transfer.verification, transfer.received, transfer.span.end
        rest = spares.file(failure, before, first, end, least)
        self._exchange.begin_reading()
        if isinstance(rest, Mismatch):
            raise transfer.continuation.wrong_bytes(rest)
        if isinstance(rest, wing.Failure):
            ended = self._ended(rest, transfer.received)
            # pip gets from a body what `Continuation` ends it with.
            raise self._run.stack.failed(f"{self._exchange.place}: {rest.said}") from ended
        return rest


def _contradiction(mismatch: Mismatch) -> str:
    digest = mismatch.digest
    return (
        f"{digest.algorithm} named by {digest.named_by}: {digest.value};"
        f" of the bytes that have the other hash: {mismatch.got}"
    )
