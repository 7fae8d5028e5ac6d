"""How does one request get from its first attempt to its final answer?

The story: attempt -> outcome -> decision (use it, wait and ask again on a new
connection, or give up) -> event. What is decided is decided in `policy`; this
module sends, waits and remembers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pip_resilient import events
from pip_resilient.policy.digests import normalised
from pip_resilient.policy.disclosure import place_of, without_secrets
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.patience import GiveUp, Limits, Retry
from pip_resilient.policy.ranges import Span, span_of
from pip_resilient.session import translate
from pip_resilient.session.addresses import RESOLVE_TIMEOUT
from pip_resilient.session.body import Body, Broken
from pip_resilient.session.lane import is_chunked
from pip_resilient.session.opener import Watch
from pip_resilient.session.outcome import Failed, GivenUp, Options, Surprise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pip_resilient.session.run import Run

_FILES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".metadata")
_ERRORS_THAT_PIP_HANDLES = (401, 403, 404, 410)


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
        impatient = limits.retries == 0
        self.options = (
            options
            if impatient
            else options.patiently(settings.connect_timeout, settings.read_timeout)
        )
        self.limits = limits
        self.url = without_secrets(request.url)
        self.place = place_of(request.url)
        self.patience = run.patience_of(self.place, limits)
        self.again = run.download.again
        self.body: Body | None = None
        self.attempts = 0
        self.interruptions = 0
        self.saved = 0
        self._furthest = 0
        self._progressed = False
        self._mark = run.clock.now()
        self._respell_known_proxies()

    @property
    def wants_file(self) -> bool:
        """Whether a distribution file or its metadata is asked for."""
        return bool(self.options.stream) and urlsplit(self.request.url).path.endswith(_FILES)

    def send(self) -> Any:
        """Return the answer that pip gets.

        Raises:
            GivenUp: With the exception or the error answer of the last attempt.
        """
        while True:
            outcome = self._attempt()
            if not isinstance(outcome, Failed):
                self._answered(outcome)
                return outcome
            self.back_off(outcome)

    def _attempt(self) -> Any:
        self.attempts += 1
        self.body = None
        try:
            fresh = self.attempts > 1 or self.again
            with self.run.dialer.ask(fresh=fresh, watch=self.watch(), exchange=self, raw=False):
                options = self.options.within(self.time_left())
                response = self.adapter.send_below(self.request, options)
            if not self.options.stream:
                response.content  # noqa: B018  # requests reads it later, where nobody would retry
        except Surprise:
            raise
        except Broken as broken:
            return Failed(broken.failure)
        except Exception as error:  # everything of theirs, told apart by the table
            return Failed(translate.failure_of(error, self.proxy()), error)
        failure = translate.failure_of_answer(response, self.wants_file, self.proxy())
        if failure is None or (failure.kind is Kind.INTERCEPTED and self._is_a_file_after_all()):
            return response
        return self._unusable(response, failure)

    def _is_a_file_after_all(self) -> bool:
        """Tell whether a file only has the Content-Type of a page."""
        return self.wants_file and self.body is not None and not self.body.begins_with(b"<")

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
        if failed.failure.kind is Kind.PROXY_SCHEME and self._respell():
            return
        self.interruptions += 1
        self.run.dialer.blame()
        self.account(bound=self._longest_attempt())
        progressed, self._progressed = self._progressed, False
        decision = self.patience.decide(
            failed.failure, self.attempts, self.run.clock.now(), self.run.jitter, progressed
        )
        if isinstance(decision, GiveUp):
            self._give_up(failed, decision, offset)
        else:
            self._wait(failed.failure, decision, offset)

    def _give_up(self, failed: Failed, decision: GiveUp, offset: int | None) -> None:
        self._note(
            events.GaveUp(
                self.run.at(),
                self.place,
                self.url,
                failed.failure,
                self.attempts,
                decision.spent,
                decision.why,
                offset or 0,
                self.body.span.end if self.body else None,
            )
        )
        raise GivenUp(failed)

    def _note(self, event: events.Event) -> None:
        """Note how a request ended; what pip's look for its own update missed, nobody misses."""
        if self.limits is self.run.limits:
            self.run.journal.add(event)

    def _wait(self, failure: Failure, decision: Retry, offset: int | None) -> None:
        self.run.journal.add(
            events.Retried(
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

    def _longest_attempt(self) -> float | None:
        """Return how long an attempt can take, in seconds; longer means the machine slept."""
        timeout = self.options.timeout
        connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        if connect is None or read is None:
            return None
        # To resolve, to connect, the proxy's tunnel and TLS, then the answer.
        return RESOLVE_TIMEOUT + 3 * float(connect) + float(read)

    def begin_reading(self) -> None:
        """Note that pip reads again: what it did meanwhile was not waiting."""
        self._mark = self.run.clock.now()

    def progress(self, offset: int) -> None:
        """Note how far the body has come; only bytes beyond the furthest count."""
        self._mark = self.run.clock.now()
        if offset > self._furthest:
            self._furthest = offset
            self._progressed = True
            self.attempts = 1
            self.patience.progress()

    def watch(self) -> Watch:
        """Return what looks at the wait for an answer's first byte."""
        return Watch(self.run.dialer, self.tell_silence)

    def read_timeout(self) -> float | None:
        """Return the longest silence of a connection in seconds, or None for no limit."""
        timeout = self.options.timeout
        both = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        return None if both[1] is None else float(both[1])

    def kept(self, count: int) -> None:
        """Note how many bytes of the body a continuation did not have to bring again.

        Each byte is counted once, however many interruptions it outlived.
        """
        self.saved = max(self.saved, count)

    def time_left(self) -> float | None:
        """Return the seconds until the run's deadline, or None where there is none."""
        ends = self.limits.deadline_at
        return None if ends is None else max(0.0, ends - self.run.clock.now())

    def overtaken(self, offset: int, saved: int) -> None:
        """Note that the second connection delivered first.

        Args:
            offset: Where it took over.
            saved: Bytes that it did not have to bring again.
        """
        self.interruptions += 1
        self.kept(saved)
        self.run.journal.add(events.Overtaken(self.run.at(), self.place, self.url, offset))

    def tell_silence(self, silent: float) -> None:
        """Note that a second connection is asked after so many seconds of silence."""
        offset, total = (self.body.received, self.body.span.end) if self.body else (0, None)
        self.run.journal.add(
            events.SecondConnection(self.run.at(), self.place, self.url, silent, offset, total)
        )

    def take_over(self, up: Any) -> None:
        """Put our body in the place of http.client's, where there is one to heal.

        Called below pip's cache, so that the cache sees one whole body.

        Args:
            up: urllib3's response.
        """
        asked = self.request.headers.get("Range")
        if self.request.method != "GET" or up.status not in (200, 206):
            return
        span = span_of(up.status, up.headers, asked)
        if span is None:
            return
        if up.status == 200 and is_chunked(up):
            span = Span()  # RFC 9112 §6.3: Transfer-Encoding overrides Content-Length
        self.body = Body(self, up, span)
        up._fp = self.body
        up.chunked = False  # the body undoes the chunks itself

    def _answered(self, response: Any) -> None:
        """Note an answer that pip gets: a page, a redirect, the beginning of a file."""
        status = response.status_code
        if status in _ERRORS_THAT_PIP_HANDLES:
            self._note(events.Answered(self.run.at(), self.place, self.url, status))
        if self.body is None or not self.options.stream:
            self.patience.progress()
            self.healed()
        if response.is_redirect:
            self._note_hop(response.headers["location"])
        if status == 200 and not self.options.stream:
            self.run.page_passed(
                self.request.url, response.headers.get("Content-Type", ""), response.content
            )

    def _note_hop(self, location: str) -> None:
        """Note the way to a redirect's target, in case it must be walked again."""
        try:
            self.run.hops[normalised(urljoin(self.request.url, location))] = self
        except ValueError:
            return  # no URL; requests will say so

    def healed(self) -> None:
        """Note that a request that had failed has ended well."""
        if self.interruptions:
            self.run.journal.add(
                events.Healed(self.run.at(), self.place, self.url, self.interruptions, self.saved)
            )
            self.interruptions = self.saved = 0

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
        self.run.journal.add(events.ProxyRespelled(self.run.at(), self.place, place_of(proxy)))
        return True

    def _respell_known_proxies(self) -> None:
        if self.run.respelled:
            proxies = _respelled(self.options.proxies, self.run.respelled)
            self.options = self.options._replace(proxies=proxies)


def _respelled(proxies: Mapping[str, str] | None, which: set[str]) -> dict[str, str]:
    return {
        scheme: "http://" + proxy[len("https://") :] if proxy in which else proxy
        for scheme, proxy in (proxies or {}).items()
    }
