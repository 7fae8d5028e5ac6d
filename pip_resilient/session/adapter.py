"""What does pip see?

The rule: pip's own adapters, with this mixin in front. It hands every request
to an `Exchange`, and passes out only what pip's stack itself has made:
answers, and the original exception of the last attempt. If anything of ours
goes wrong, everything is taken back and pip does it alone.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from pip_resilient.session.exchange import Exchange
from pip_resilient.session.outcome import Broken, GivenUp, NotAsked, Options, Ours

if TYPE_CHECKING:
    from pip_resilient.policy.patience import Limits
    from pip_resilient.session.run import Run


class ResilientAdapter:
    """A mixin for adapter *objects*: trusted hosts are mounted later, as the same object.

    The class that carries it sets:

    Attributes:
        resilient_run: What all requests share.
        resilient_limits: What a request of this session may cost.
        resilient_session: Gives the session, or None once it is gone.
    """

    resilient_run: Run
    resilient_limits: Limits
    resilient_session: Any

    def send(
        self,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """Send a request as requests' HTTPAdapter does, and do not stop at the first failure."""
        run = self.resilient_run
        options = Options(stream, timeout, verify, cert, proxies)
        if request.method not in ("GET", "HEAD"):
            return self.send_below(request, options)
        try:
            exchange = Exchange(run, self, request, options, self.resilient_limits)
            response = exchange.send()
            cached = getattr(response, "from_cache", False) and not exchange.revalidated
            exchange.trace.handed(run.at(), response.status_code, cached)
            return response  # noqa: TRY300  # what is above belongs to what is guarded
        except GivenUp as given_up:
            failed = given_up.failed
        except Exception as surprise:  # ours: theirs come as GivenUp
            run.stand_aside(surprise)
            # Not `super()`: this object is pip's own again.
            return self.send(request, stream, timeout, verify, cert, proxies)
        if failed.response is not None:
            return failed.response
        if failed.error is not None:
            raise failed.error
        raise run.stack.requests.exceptions.ConnectionError(failed.failure.said, request=request)

    def send_below(self, request: Any, options: Options) -> Any:
        """Send through pip's own layers, its cache first.

        By keyword only: `stream` has another place in cachecontrol before 0.13.
        """
        return super().send(  # type: ignore[misc]
            request,
            stream=options.stream,
            timeout=options.timeout,
            verify=options.verify,
            cert=options.cert,
            proxies=options.proxies,
        )

    def send_raw(self, request: Any, options: Options) -> Any:
        """Send below pip's cache, and return urllib3's own response."""
        with self.resilient_run.dialer.ask(raw=True):
            return _requests_adapter(type(self)).send(
                self,
                request,
                stream=True,
                timeout=options.timeout,
                verify=options.verify,
                cert=options.cert,
                proxies=options.proxies,
            )

    def add_headers(self, request: Any, **kwargs: Any) -> None:
        """Come between pip's cache and the network.

        requests' HTTPAdapter.send calls it, for subclasses alone, before it
        takes a connection (2.24 to 2.33); what the cache has never gets there.
        """
        if self.resilient_run.dialer.asking.cache_only:
            raise NotAsked
        super().add_headers(request, **kwargs)  # type: ignore[misc]

    def for_url(self, url: str) -> Any:
        """Return the session's adapter for a URL; this one where there is no other of ours."""
        session = self.resilient_session()
        other = session.get_adapter(url) if session is not None else self
        return other if isinstance(other, ResilientAdapter) else self

    def build_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Build requests' response; called by HTTPAdapter.send and, for hits, by the cache."""
        asking = self.resilient_run.dialer.asking
        if asking.raw:
            return response
        from_cache = kwargs.get("from_cache") or (bool(args) and args[0])
        if asking.exchange is not None and not from_cache:
            with Ours(Broken):
                asking.exchange.take_over(response)
        return super().build_response(request, response, *args, **kwargs)  # type: ignore[misc]

    def answer_with_file(self, request: Any, up: Any, keeps: bool) -> Any:
        """Return a file of ours as an answer to a request.

        Args:
            request: pip's.
            up: urllib3's answer around it.
            keeps: Whether pip's cache may have it, under the URL that pip asked for.
        """
        if keeps:
            return self.build_response(request, up)
        return _requests_adapter(type(self)).build_response(self, request, up)

    def answer_with_page(self, request: Any, content: bytes, content_type: str) -> Any:
        """Return a page of ours as an answer to a request; pip's cache never sees it."""
        headers = {"Content-Type": content_type, "Content-Length": str(len(content))}
        up = self.resilient_run.stack.answer(io.BytesIO(content), headers)
        response = _requests_adapter(type(self)).build_response(self, request, up)
        response.content  # noqa: B018  # read here, as those of the network are
        return response

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the manager for a proxy, its connections made by our dialer."""
        manager = super().proxy_manager_for(proxy, **kwargs)  # type: ignore[misc]
        self.resilient_run.dialer.adopt(manager)
        return manager


def _requests_adapter(cls: type) -> Any:
    """Return requests' own HTTPAdapter in an adapter's hierarchy: the lowest that sends."""
    return next(
        base
        for base in reversed(cls.__mro__)
        if "send" in vars(base) and "build_response" in vars(base)
    )
