"""How does one request get from its first attempt to its final answer?

The rule: attempt -> outcome -> decision (use it, wait and ask again on a new
connection, or give up) -> event. What is decided is decided in `policy`; this
module sends, waits and remembers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pip_resilient.door import wing
from pip_resilient.policy.answers import is_usable
from pip_resilient.policy.digests import normalised
from pip_resilient.policy.origins import place_of
from pip_resilient.policy.patience import SPARE_SILENCE, GiveUp, Limits, Retry
from pip_resilient.policy.spans import Span, encoding_of, span_of
from pip_resilient.session.body import Body, read_whole
from pip_resilient.session.detour import Detour
from pip_resilient.session.outcome import Broken, Failed, GivenUp, Options, Surprise
from pip_resilient.session.pages import Page
from pip_resilient.session.watch import Watch

if TYPE_CHECKING:
    from pip_resilient.events import Event
    from pip_resilient.policy.failure import Failure
    from pip_resilient.session.healing import Healing
    from pip_resilient.session.recall import Recall
    from pip_resilient.session.run import Run

_FILES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".metadata")
_ERRORS_THAT_PIP_HANDLES = (401, 403, 404, 410)
_SAY_WHAT_THEY_BRING = (200, 206)
_REFUSE_A_PART = (400, 403, 404, 410, 416, 501)


class Exchange:
    """One request of pip.

    Args:
        run: What all requests share.
        adapter: pip's adapter, with our mixin.
        request: requests' PreparedRequest.
        options: How it is to be sent.
        limits: What it may cost.
    """

    def __init__(
        self, run: Run, adapter: Any, request: Any, options: Options, limits: Limits
    ) -> None:
        self.run = run
        self.adapter = adapter
        self.request = request
        settings = run.settings
        self.options = options
        if limits.retries != 0:
            self.options = options.patiently(settings.connect_timeout, settings.read_timeout)
        self.limits = limits
        self.place = place_of(request.url)
        self.patience = run.patience_of(self.place, limits)
        self.again = run.download.again
        self.body: Body | None = None
        self.attempts = 0
        self.recall: Recall | None = None
        self._healing: Healing | None = None
        self.trace = run.track.begun(request.method, request.url)
        self.revalidated = False
        self._most = 0
        self._gained = 0
        self._mark = run.clock.now()
        self.detour = Detour(self)
        self.detour.lend_login()
        self._respell_known_proxies()

    @property
    def url(self) -> str:
        """The request's URL for messages, without secrets."""
        return wing.disclosure.without_secrets(self.request.url)

    @property
    def wants_file(self) -> bool:
        """Whether a distribution file or its metadata is asked for."""
        return bool(self.options.stream) and urlsplit(self.request.url).path.endswith(_FILES)

    @property
    def healing(self) -> Healing:
        """What it has been through; one that nothing happens to has none."""
        if self._healing is None:
            self._healing = wing.Healing(self)
        return self._healing

    def send(self) -> Any:
        """Return the answer that pip gets.

        Raises:
            GivenUp: With the exception or the error answer of the last attempt.
        """
        served = self.detour.first()
        if served is None:
            self.recall = self.detour.recalled()
        while served is None:
            outcome = self._attempt()
            if isinstance(outcome, Failed):
                served = self.detour.after(outcome, self.attempts) or self._go_on(outcome)
            else:
                served = self.detour.instead_of(outcome)
                if served is None:
                    self.answered(outcome)
                    return outcome
        self.patience.progress()
        self.healed()
        return served

    def _go_on(self, failed: Failed) -> Any:
        """Wait for the next attempt; where nothing more is tried, return what is left for pip."""
        try:
            self.back_off(failed)
        except GivenUp:
            last = self.detour.last_resort()
            if last is None:
                raise
            return last

    def _attempt(self) -> Any:
        self.attempts += 1
        self.body = None
        try:
            fresh = self.attempts > 1 or self.again
            with self.run.dialer.ask(fresh=fresh, watch=self.watch(), exchange=self, raw=False):
                options = self.options.within(self.time_left())
                if self.detour.hastily():
                    options = options.within(SPARE_SILENCE, reading=False)
                response = self.adapter.send_below(self.request, options)
            if not self.options.stream:
                read_whole(response)  # requests does it later, where nobody would retry
        except Surprise:
            raise
        except GivenUp as given_up:  # in the midst of a page
            return given_up.failed._replace(final=True)
        except Broken as broken:
            self.healing.begun_again()
            self.recall = None
            return Failed(broken.failure)
        except Exception as error:  # everything of theirs, told apart by the table
            return Failed(wing.translate.failure_of_attempt(error, self), error)
        if is_usable(response, self.wants_file):
            return response
        failure = wing.translate.failure_of_answer(response, self.wants_file, self.proxy())
        intercepted = failure is not None and failure.kind is wing.Kind.INTERCEPTED
        if failure is None or (intercepted and self._is_a_file_after_all()):
            return response
        return self._unusable(response, failure)

    def _is_a_file_after_all(self) -> bool:
        """Tell whether a file only has the Content-Type of a page."""
        return self.wants_file and self.body is not None and not self.body.is_page()

    @staticmethod
    def _unusable(response: Any, failure: Failure) -> Failed:
        """Close an answer's connection, which may lead to a bad node; keep its status."""
        if not response._content_consumed:
            response._content, response._content_consumed = b"", True
        response.close()
        return Failed(failure, response=response)

    def back_off(self, failed: Failed, offset: int | None = None) -> None:
        """Decide what follows a failure, and wait where that is the decision.

        Args:
            failed: What happened.
            offset: How many bytes of the body have come, None before the body.

        Raises:
            GivenUp: Where nothing more is tried.
        """
        if failed.final:
            raise GivenUp(failed)
        if failed.failure.kind is wing.Kind.PROXY_SCHEME and self._respell():
            return
        self.healing.interrupted()
        self.run.dialer.blame()
        self.account(bound=self.options.longest_attempt())
        gained, self._gained = self._gained, 0
        decision = self.patience.decide(
            failed.failure, self.attempts, self.run.clock.now(), self.run.jitter, gained
        )
        if isinstance(decision, GiveUp):
            self._give_up(failed, decision, offset)
        else:
            self._wait(failed.failure, decision, offset)

    def _give_up(self, failed: Failed, decision: GiveUp, offset: int | None) -> None:
        self._note(
            wing.events.GaveUp(
                self.run.at(),
                self.place,
                self.url,
                failed.failure,
                self.attempts,
                decision.spent,
                decision.why,
                offset or 0,
                self.reached()[1],
            )
        )
        raise GivenUp(failed)

    def _note(self, event: Event) -> None:
        """Note how a request ended; what pip's look for its own update missed, nobody misses."""
        if self.limits is self.run.limits:
            self.run.journal.add(event)

    def _wait(self, failure: Failure, decision: Retry, offset: int | None) -> None:
        self.run.journal.add(
            wing.events.Retried(
                self.run.at(),
                self.place,
                self.url,
                failure,
                self.attempts,
                decision.wait,
                decision.left,
                decision.asked_by_server,
                offset,
            )
        )
        self.account()
        self.run.clock.sleep(decision.wait)
        self.account(bound=decision.wait)

    def account(self, bound: float | None = None) -> None:
        """Count the seconds since the last progress, or since the last account of it."""
        now = self.run.clock.now()
        self.patience.spend(now - self._mark, bound)
        self._mark = now

    def begin_reading(self) -> None:
        """Note that pip reads again: what it did meanwhile was not waiting."""
        self._mark = self.run.clock.now()

    def progress(self, brought: int, place: str | None = None) -> None:
        """Note how many bytes of the body have come, by whom; only more than ever before count."""
        gained = brought - self._most
        if gained <= 0:
            self._mark = self.run.clock.now()
        else:
            self.account(bound=self.options.longest_attempt())
            self.run.track.came(place or self.place, gained)
            self._most = brought
            self._gained += gained
            if self.patience.progress(gained):
                self.attempts = 1

    def tell_silence(self, silent: float) -> None:
        """Note that a second connection is asked after so many seconds of silence."""
        self.healing.silent(silent)

    def watch(self) -> Watch:
        """Return what looks at the wait for an answer's first byte."""
        return Watch(self.run.dialer, self.tell_silence, leaves=self.detour.leaves)

    def time_left(self) -> float | None:
        """Return the seconds until the run's deadline, or None where there is none."""
        ends = self.limits.deadline_at
        return None if ends is None else max(0.0, ends - self.run.clock.now())

    def reached(self) -> tuple[int, int | None]:
        """Return how many bytes of the body have come, and how many there are."""
        if self.body is None:
            return 0, None
        return self.body.transfer.received, self.body.transfer.span.end

    def take_over(self, up: Any) -> None:
        """Put our body in the place of http.client's, where there is one to heal.

        Called below pip's cache, so that the cache sees one whole body.

        Args:
            up: urllib3's response.
        """
        span = aside = None
        if self.recall is not None and up.status in (*_SAY_WHAT_THEY_BRING, *_REFUSE_A_PART):
            span, aside = self.recall.rest(up), self.recall.aside
            self.recall = None
        asked = self.request.headers.get("Range")
        self.revalidated = up.status == 304
        if self.request.method != "GET" or up.status not in (200, 206):
            return
        if span is None:
            span, aside = span_of(up.status, up.headers, asked), None
        if span is None:
            return
        if span.end is None and self.options.stream and encoding_of(up.headers) == "identity":
            size = self.run.size_of(self.request.url, self.run.digests_of(self.request.url))
            span = Span(0, size, size)
        self.body = Body(self, up, span, aside)
        up._fp = self.body
        up.chunked = False  # the body undoes the chunks itself

    def answered(self, response: Any) -> None:
        """Note an answer that pip gets: a page, a redirect, the beginning of a file."""
        status = response.status_code
        self.detour.note_answer(response)
        if status in _ERRORS_THAT_PIP_HANDLES:
            self._note(wing.events.Answered(self.run.at(), self.place, self.url, status))
        if self.body is None or not self.options.stream:
            self.patience.progress()
            self.healed()
        if response.is_redirect:
            self._note_hop(response.headers["location"])
        if status == 200 and not self.options.stream:
            content_type = response.headers.get("Content-Type", "")
            self.run.pages.passed(Page(self.request.url, content_type, response.content))
            self.detour.keep_page(response)

    def _note_hop(self, location: str) -> None:
        """Note the way to a redirect's target, in case it must be walked again."""
        try:
            self.run.hops[normalised(urljoin(self.request.url, location))] = self
        except ValueError:
            return  # no URL; requests will say so

    def healed(self) -> None:
        """Note that a request that had failed has ended well."""
        if self._healing is not None:
            self._healing.healed()

    def proxy(self) -> str | None:
        """Return the proxy's URL that this request goes through, or None."""
        chosen = self.run.stack.requests.utils.select_proxy(
            self.request.url, dict(self.options.proxies or {})
        )
        return str(chosen) if chosen else None

    def _respell(self) -> bool:
        """Use a proxy that is written `https://` as http, since that is what it speaks.

        Nothing secret is risked: with userinfo in it the proxy stays as it is.
        """
        proxy = self.proxy()
        if proxy is None or "@" in proxy or not proxy.startswith("https://"):
            return False
        self.run.respelled.add(proxy)
        self._respell_known_proxies()
        self.run.journal.add(wing.events.ProxyRespelled(self.run.at(), self.place, place_of(proxy)))
        return True

    def _respell_known_proxies(self) -> None:
        self.options = self.options.respelled(self.run.respelled)
