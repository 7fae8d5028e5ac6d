"""How is a host asked that pip did not ask?

The rule: with a request of our own, built from an allow-list, through the
proxy that is right for that host, its certificate checked as pip would check
it. Redirects are followed here, each judged anew, and never from the public
internet to this machine or its private network.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from pip_resilient.policy.disclosure import (
    REDIRECTS,
    Forbidden,
    Given,
    carried,
    is_public,
    next_hop,
)
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import origin_of, same_origin
from pip_resilient.session import translate
from pip_resilient.session.outcome import Options, Surprise
from pip_resilient.session.watch import handle_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pip_resilient.mirrors.declared import Source
    from pip_resilient.session.exchange import Exchange

ANSWER_WITHIN = 10.0
"""Seconds for a connection to another source, and for its answer."""


class Unusable(Exception):  # the end of one source's turn, not an error of ours
    """Another source did not answer with what was wanted; carries the failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.said)
        self.failure = failure


class WrongThere(Exception):  # a verdict on a source
    """A source serves something else than the right bytes, or the right page.

    Args:
        algorithm: Of the digest that does not hold.
        expected: What it should be.
        got: What it is.
        named_by: Who named the digest.
    """

    def __init__(self, algorithm: str, expected: str, got: str, named_by: str) -> None:
        super().__init__(f"{algorithm} is {got}, not {expected}")
        self.algorithm = algorithm
        self.expected = expected
        self.got = got
        self.named_by = named_by


class Answer(NamedTuple):
    """What another source answered.

    Attributes:
        up: urllib3's response, its body unread; status 200 or 206.
        url: Where it came from, after redirects.
        public: Whether that is on the public internet, and so all who led there.
    """

    up: Any
    url: str
    public: bool


class Deadline:
    """Ends the wait for an answer whose headers come byte by byte.

    The timeout of a socket begins anew with each byte, and http.client reads
    6 MB of headers before it has enough of them. So a timer, a thread beside
    the one that asks, cuts the socket; it reads nothing, and ends with the wait.
    """

    def __init__(self) -> None:
        self.over = False
        self._timer: threading.Timer | None = None
        self._sock: socket.socket | None = None

    def first_answer(self, ask: Callable[[], Any]) -> Any:
        """Send a request by `ask` and return its answer (see `watch.Watch`)."""
        try:
            return ask()
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer.join()
            if self._sock is not None:
                self._sock.close()

    def wait_for_answer(self, sock: socket.socket) -> None:
        """Begin to count; called before the answer is read."""
        if not hasattr(sock, "fileno"):
            return
        # Another handle: TLS is not to be closed in order, but cut.
        self._sock = handle_of(sock)
        self._timer = threading.Timer(ANSWER_WITHIN, self._end)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        self.over = True
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)


class Elsewhere:
    """Asks other hosts in the place of one exchange's.

    Args:
        exchange: The request of pip's that they stand in for.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._run = exchange.run
        self._session = exchange.adapter.resilient_session()

    def ask(
        self, source: Source, url: str, extra: Mapping[str, str], page_url: str | None = None
    ) -> Answer:
        """Send a request and return its answer, wherever redirects led.

        Args:
            source: Who is asked.
            url: What for.
            extra: Headers that say what is wanted.
            page_url: The page of theirs that named the URL; it is judged as a
                redirect is. None: nobody but us has made it.

        Raises:
            Unusable: Nothing came, or something else than wanted.
        """
        first = 0
        if page_url is None:
            made = self._made(url)
            from_public = is_public(origin_of(url)[1])
        else:
            # What a private host lists may be private too; its name does not tell.
            private = page_url in self._run.memory.private_there
            from_public = not private and is_public(origin_of(page_url)[1])
            made, first = self._led(page_url, url, 0, from_public), 1
            url = made.url
        login = self._login(source, url)
        for hops in range(first, 100):  # `next_hop` ends it long before
            options = self._options(url)
            proxied = self._proxy(url, options) is not None
            given = Given(self._exchange.request.url, self._exchange.request.headers)
            made.headers.clear()
            made.headers.update(carried(given, made.url, extra, login).headers)
            led = hops > 0 and not same_origin(url, source.index_url)
            up = self._send(made, options, from_public and led and not proxied)
            # A source in a private network is known by the address it has.
            from_public = from_public and (proxied or self._run.dialer.reached_public())
            location = up.headers.get("Location")
            if up.status == 200 or (up.status == 206 and "Range" in extra):
                return Answer(up, url, from_public)
            up.close()
            if up.status not in REDIRECTS or not location:
                raise Unusable(_failure_of(up))
            made = self._led(url, location, hops, from_public)
            login = login if same_origin(url, made.url) else ""
            url = made.url
        raise AssertionError("redirects without an end")

    def _made(self, url: str) -> Any:
        """Return a request for a URL, which may be a stranger's and none at all."""
        try:
            return self._run.stack.requests.Request("GET", url).prepare()
        except ValueError:  # as requests' InvalidURL is
            raise Unusable(Failure(Kind.STACK, "it names no URL")) from None

    def _led(self, before: str, location: str, hops: int, from_public: bool) -> Any:
        """Return a request for where a page or a redirect leads, judged as it will be sent."""
        try:
            made = self._made(next_hop(before, location, hops, from_public))
            next_hop(before, made.url, hops, from_public)  # requests may read another host in it
        except Forbidden as forbidden:
            raise Unusable(Failure(Kind.STACK, str(forbidden))) from None
        if same_origin(made.url, self._exchange.request.url):
            raise Unusable(Failure(Kind.STACK, "it sends back to the host that failed"))
        return made

    def _send(self, made: Any, options: Options, public_only: bool) -> Any:
        exchange, run = self._exchange, self._run
        deadline = Deadline()
        try:
            with run.dialer.ask(fresh=False, watch=deadline, public_only=public_only):
                adapter = exchange.adapter.for_url(made.url)
                return adapter.send_raw(made, options.within(exchange.time_left()))
        except Surprise:
            raise
        except Exception as error:  # everything of theirs, told apart by the table
            failure = translate.failure_of(error, self._proxy(made.url, options))
            if deadline.over:
                failure = Failure(Kind.SILENT, f"for {ANSWER_WITHIN:.0f} s but for single bytes")
            raise Unusable(failure) from error

    def _proxy(self, url: str, options: Options) -> str | None:
        found = self._run.stack.requests.utils.select_proxy(url, dict(options.proxies or {}))
        return str(found) if found else None

    def _options(self, url: str) -> Options:
        """Return the proxy and the CA for *that* host; a client certificate never."""
        session, settings = self._session, self._run.settings
        found = session.merge_environment_settings(url, {}, True, None, None)
        timeout = (min(ANSWER_WITHIN, settings.connect_timeout), ANSWER_WITHIN)
        plain = Options(True, timeout, found["verify"], None, found["proxies"])
        return plain.respelled(self._run.respelled)

    def _login(self, source: Source, url: str) -> str:
        """Return what the user gave for this host: in its URL, or in netrc."""
        if not same_origin(url, source.index_url):
            return ""  # the user named no other host to be asked in this one's place
        if source.login or not source.named or not self._session.trust_env:
            return source.login
        found = self._run.stack.requests.utils.get_netrc_auth(url)
        return f"{found[0]}:{found[1]}" if found else ""


def _failure_of(up: Any) -> Failure:
    failure = translate.failure_of_status(up.status, up.headers, None)
    return failure or Failure(Kind.STATUS, status=up.status)
