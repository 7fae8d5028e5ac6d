"""How is another source asked in a test, below the decisions when to?

The rule: a request of the hooked pip that has not been sent stands for one
that has failed; what is asked in its place is asked over real sockets.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from pip_resilient.mirrors.declared import Source, understood
from pip_resilient.session.elsewhere import Answer, Elsewhere
from pip_resilient.session.exchange import Exchange
from pip_resilient.session.outcome import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults import Authority
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


@contextlib.contextmanager
def tls_before(authority: Authority, port: int) -> Iterator[int]:
    """Lend the port of a proxy that is itself spoken to over TLS, before a plain one's."""
    context = authority.server_context("127.0.0.1", "localhost")

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve(plain: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(plain):
            far = socket.create_connection(("127.0.0.1", port))
            with far, context.wrap_socket(plain, server_side=True) as near:
                back = threading.Thread(target=pump, args=(far, near), daemon=True)
                back.start()
                pump(near, far)
                back.join()

    def accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                one = (listening.accept()[0],)
                threading.Thread(target=serve, args=one, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def source_of(mirror: str) -> Source:
    """Return a mirror that the user named."""
    (source,) = understood([mirror]).named
    return source


def content_of(up: Any) -> bytes:
    """Return the body of urllib3's answer, its connection given back."""
    return bytes(up.read())
