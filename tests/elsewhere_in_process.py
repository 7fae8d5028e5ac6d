"""How is another source asked in a test, below the decisions when to?

The rule: a request of the hooked pip that has not been sent stands for one
that has failed; what is asked in its place is asked over real sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip_resilient.mirrors.declared import Source, understood
from pip_resilient.session.elsewhere import Answer, Elsewhere
from pip_resilient.session.exchange import Exchange
from pip_resilient.session.outcome import Options

if TYPE_CHECKING:
    from tests.pip_in_process import HookedPip

ORIGIN = "https://origin.example/simple/demo/"
"""The host that has failed; nobody asks it here."""


class Asker:
    """A request that failed, and what is asked in its place.

    Args:
        pip: A hooked pip.
        headers: Those of pip's request.
        url: pip's request; nothing is sent there.
        verify: The CA bundle of pip's session.
    """

    def __init__(
        self,
        pip: HookedPip,
        headers: dict[str, str] | None = None,
        url: str = ORIGIN,
        verify: str | bool = True,
    ) -> None:
        self.session = pip.session()
        self.session.verify = verify
        request = pip.run.stack.requests.Request("GET", url, headers=headers).prepare()
        adapter = self.session.get_adapter(url)
        options = Options(stream=True, timeout=15, verify=verify)
        self.exchange = Exchange(pip.run, adapter, request, options, pip.run.limits)
        self.elsewhere = Elsewhere(self.exchange)

    def ask(self, url: str, mirror: str | None = None, **extra: str) -> Answer:
        """Ask a mirror for a URL.

        Args:
            url: What is asked for.
            mirror: The mirror as the user named it; None: by the root of that URL.
            extra: Headers that say what is wanted.

        Raises:
            Unusable: Nothing came, or something else than wanted.
        """
        return self.elsewhere.ask(source_of(mirror or url), url, extra)

    def close(self) -> None:
        """Close pip's session."""
        self.session.close()


def source_of(mirror: str) -> Source:
    """Return a mirror that the user named."""
    (source,) = understood([mirror]).named
    return source


def content_of(up: Any) -> bytes:
    """Return the body of urllib3's answer, its connection given back."""
    return bytes(up.read())
