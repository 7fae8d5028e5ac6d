"""How does a test server accept connections, and stop without leaving anything behind?

The rule: after `stop` every thread has ended and every socket is closed, and
whatever went wrong in a thread is raised there. Between `pause` and `resume`
the port is kept but nobody listens on it, so that connecting is refused and no
other program can take the port meanwhile.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import threading
from typing import TYPE_CHECKING, Callable

from tests.servers.wire import Over, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_STOP = 30.0


class Listener:
    """Accepts connections on the loopback and gives each a number and a thread.

    Args:
        serve: Called in a new thread with each connection and its number; the
            first is 1. May raise `Over` or OSError to end the connection.
        ipv6: Listen on `::1` too, on the same port.
        wait: Waits so many seconds, see `Wire`.
    """

    def __init__(
        self,
        serve: Callable[[Wire, int], None],
        *,
        ipv6: bool = False,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self.accepted = 0
        self._serve = serve
        self._wait = wait
        self._lock = threading.Lock()
        self._wires: dict[int, Wire] = {}
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._hosts = ("127.0.0.1", "::1") if ipv6 else ("127.0.0.1",)
        self._sockets = _bound(self._hosts)
        self.port: int = self._sockets[0].getsockname()[1]
        # While these are bound, nobody else is given the port in the moment in which
        # `pause` has none; only Linux binds two sockets that do not listen to one port.
        self._kept = _bound(self._hosts, self.port) if sys.platform == "linux" else []
        self._acceptor: _Acceptor | None = None

    def resume(self) -> None:
        """Start listening, at first or after a pause."""
        if self._acceptor is None:
            for sock in self._sockets:
                sock.listen(128)
            self._acceptor = _Acceptor(self._sockets, self._accept)

    def pause(self, *, drop: bool = False) -> None:
        """Refuse new connections.

        Args:
            drop: End the connections that are open, too.
        """
        if self._acceptor is None:
            return
        self._acceptor.stop()
        self._acceptor = None
        self._close_sockets()
        self._sockets = _bound(self._hosts, self.port)
        if drop:
            self._wake_all()

    def stop(self) -> None:
        """End everything; raise what went wrong in a thread, if anything did."""
        self.stopping.set()
        if self._acceptor is not None:
            self._acceptor.stop()
            self._acceptor = None
        self._close_sockets()
        for sock in self._kept:
            sock.close()
        self._wake_all()
        for thread in self._threads:
            thread.join(LONGEST_STOP)
            if thread.is_alive():
                raise RuntimeError(f"{thread.name} did not end")
        if self._errors:
            raise self._errors[0]

    def _accept(self, sock: socket.socket) -> None:
        with self._lock:
            self.accepted += 1
            number = self.accepted
            wire = Wire(sock, self.stopping, self._wait)
            self._wires[number] = wire
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(
                target=self._run, args=(wire, number), name=f"connection {number} of {self.port}"
            )
            thread.start()
            self._threads.append(thread)

    def _run(self, wire: Wire, number: int) -> None:
        try:
            self._serve(wire, number)
        except (Over, OSError):
            pass  # the peer may leave at any moment
        except BaseException as error:
            self._errors.append(error)
        finally:
            wire.close()
            with self._lock:
                del self._wires[number]

    def _wake_all(self) -> None:
        with self._lock:
            for wire in self._wires.values():
                wire.wake()

    def _close_sockets(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._sockets = []


class _Acceptor:
    """A thread which waits for connections, and for a byte that tells it to end."""

    def __init__(
        self, sockets: list[socket.socket], accept: Callable[[socket.socket], None]
    ) -> None:
        self._sockets = sockets
        self._accept = accept
        self._told, self._tell = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="acceptor")
        self._thread.start()

    def stop(self) -> None:
        self._tell.send(b"x")
        self._thread.join()
        self._told.close()
        self._tell.close()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._told, *self._sockets], [], [])
            if self._told in ready:
                return
            for sock in ready:
                # The peer may have gone between select and accept.
                with contextlib.suppress(OSError):
                    self._accept(sock.accept()[0])


@contextlib.contextmanager
def refused_port() -> Iterator[int]:
    """Yield a port of 127.0.0.1 on which connecting is refused for as long as this is open."""
    (sock,) = _bound(("127.0.0.1",))
    try:
        yield sock.getsockname()[1]
    finally:
        sock.close()


@contextlib.contextmanager
def swallowing_port(host: str = "127.0.0.1", port: int = 0) -> Iterator[int | None]:
    """Yield a port of the loopback which answers to no SYN; None where the system has none.

    Nobody accepts, and what may wait for it is there already. Linux then drops
    further SYNs and says nothing, as a firewall does (tcp(7),
    tcp_abort_on_overflow); other systems refuse them.

    Args:
        host: The address; `::1` beside a server on 127.0.0.1 is a host whose
            IPv6 leads nowhere.
        port: The port; zero lets the system choose it.
    """
    with contextlib.ExitStack() as open_sockets:
        server = open_sockets.enter_context(_bound((host,), port)[0])
        server.listen(0)
        for _ in range(8):
            waiting = open_sockets.enter_context(socket.socket(server.family))
            waiting.settimeout(0.2)
            try:
                waiting.connect(server.getsockname())
            except socket.timeout:
                yield server.getsockname()[1]
                return
            except OSError:
                break
        yield None


def _bound(hosts: tuple[str, ...], port: int = 0) -> list[socket.socket]:
    """Bind one socket to each host, all to one port; zero lets the system choose it."""
    for _ in range(20):
        sockets: list[socket.socket] = []
        try:
            for host in hosts:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                sock = socket.socket(family, socket.SOCK_STREAM)
                sockets.append(sock)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((host, port or sockets[0].getsockname()[1]))
        except OSError:
            # The port that the system chose on one host was taken on another.
            for sock in sockets:
                sock.close()
            continue
        return sockets
    raise OSError(f"no port is free on all of {hosts}")
