"""Which address of a host takes a connection, and how soon?

The rule: addresses are tried 250 ms apart, IPv6 and IPv4 in turn (RFC 8305 §4
and §5), those that failed before come last, and name resolution is bounded.
"""

from __future__ import annotations

import errno
import os
import queue
import selectors
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

RESOLVE_TIMEOUT = 5.0
RACE_DELAY = 0.25
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0))

Address = tuple[Any, Any, int, str, Any]
"""What `socket.getaddrinfo` gives: family, type, protocol, canonical name, address."""


class Cancelled(Exception):  # an order, not an error
    """The opening of a connection was called off."""


class AddressBook:
    """Remembers which addresses failed last, so that a retry begins elsewhere."""

    def __init__(self) -> None:
        self._failures: dict[Any, int] = {}
        self._count = 0

    def failed(self, address: Any) -> None:
        """Note that a connection to this address brought a failure."""
        self._count += 1
        self._failures[address] = self._count

    def in_order(self, addresses: list[Address]) -> list[Address]:
        """Sort addresses: never failed first, families in turn, then the longest ago."""
        families: dict[int, list[Address]] = {}
        for info in addresses:
            families.setdefault(info[0], []).append(info)
        mixed = []
        for turn in range(max(map(len, families.values()), default=0)):
            mixed += [members[turn] for members in families.values() if turn < len(members)]
        return sorted(mixed, key=lambda info: self._failures.get(info[4], 0))


def resolve(host: str, port: int) -> list[Address]:
    """Resolve a host's name within `RESOLVE_TIMEOUT`.

    `getaddrinfo` cannot be cancelled, so it runs in a daemon thread that may
    be left behind; a numeric address needs none.
    """
    if host.startswith("["):
        host = host.strip("[]")
    try:
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    except UnicodeError:  # a label is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except Exception as error:  # carried to the asker
            answers.put(error)

    threading.Thread(target=ask, name="pip-resilient-resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=RESOLVE_TIMEOUT)
    except queue.Empty:
        raise socket.gaierror(
            socket.EAI_AGAIN, f"no answer of the resolver within {RESOLVE_TIMEOUT:.0f} s"
        ) from None
    if isinstance(answer, socket.gaierror) and answer.errno == socket.EAI_AGAIN and not _routed():
        # `from None`: the resolver's error behind it would be taken for the cause.
        raise OSError(errno.ENETUNREACH, "no network: names cannot be resolved") from None
    if isinstance(answer, Exception):
        raise answer
    addresses: list[Address] = answer
    return addresses


def _routed() -> bool:
    """Tell whether there is a way out at all; nothing is sent (UDP connect)."""
    for family, address in (
        (socket.AF_INET, ("192.0.2.1", 9)),  # RFC 5737 and RFC 3849: for documentation
        (socket.AF_INET6, ("2001:db8::1", 9)),
    ):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(address)
        except OSError:
            continue
        return True
    return False


class Race:
    """Connects to the first of several addresses that accepts, in the calling thread.

    The next address is tried 250 ms after the one before, or at once when one
    fails.

    Args:
        addresses: In the order of preference.
        clock: Gives the monotonic time.
        stopped: Asked every quarter of a second whether to go on.
        book: Told of every address that failed.
        source_address: As of `socket.create_connection`.
        options: Arguments for `setsockopt`, as urllib3 gives them.
    """

    def __init__(
        self,
        addresses: list[Address],
        clock: Callable[[], float],
        stopped: Callable[[], bool],
        book: AddressBook,
        source_address: Any = None,
        options: Any = None,
    ) -> None:
        self._waiting = list(addresses)
        self._clock = clock
        self._stopped = stopped
        self._book = book
        self._source_address = source_address
        self._options = options or ()
        self._running: dict[socket.socket, Address] = {}
        self._errors: list[OSError] = []
        self._next_at = clock()

    def run(self, timeout: float | None) -> tuple[socket.socket, Any]:
        """Return a connected socket and its address.

        Args:
            timeout: Seconds for all of it; None waits as long as the system does.

        Raises:
            socket.timeout: No address accepted in time.
            OSError: All addresses failed.
            Cancelled: `stopped` said so.
        """
        ends = None if timeout is None else self._clock() + timeout
        with selectors.DefaultSelector() as selector:
            try:
                while self._waiting or self._running:
                    won = self._round(selector, ends)
                    if won is not None:
                        won.settimeout(timeout)
                        return won, self._running.pop(won)[4]
            finally:
                for sock in self._running:
                    sock.close()
        raise self._most_telling()

    def _round(self, selector: selectors.BaseSelector, ends: float | None) -> socket.socket | None:
        if self._stopped():
            raise Cancelled
        now = self._clock()
        if ends is not None and now >= ends:
            for info in self._running.values():
                self._book.failed(info[4])
            raise socket.timeout("timed out")
        if self._waiting and (now >= self._next_at or not self._running):
            self._next_at = now + RACE_DELAY
            self._begin(self._waiting.pop(0), selector)
            return None
        pause = max(0.0, self._next_at - now) if self._waiting else RACE_DELAY
        if ends is not None:
            pause = min(pause, ends - now)
        for key, _ in selector.select(pause):
            sock: Any = key.fileobj
            selector.unregister(sock)
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number == 0:
                return sock  # type: ignore[no-any-return]
            sock.close()
            self._failed(self._running.pop(sock), OSError(number, os.strerror(number)))
        return None

    def _begin(self, info: Address, selector: selectors.BaseSelector) -> None:
        try:
            sock = socket.socket(info[0], info[1], info[2])
        except OSError as error:  # no such family on this machine
            self._failed(info, error)
            return
        try:
            for option in self._options:
                sock.setsockopt(*option)
            sock.setblocking(False)
            if self._source_address:
                sock.bind(self._source_address)
            number = sock.connect_ex(info[4])
        except OSError as error:
            number = error.errno or errno.EINVAL
        if number in _UNDER_WAY:
            self._running[sock] = info
            selector.register(sock, selectors.EVENT_WRITE)
        else:
            sock.close()
            self._failed(info, OSError(number, os.strerror(number)))

    def _failed(self, info: Address, error: OSError) -> None:
        self._errors.append(error)
        self._book.failed(info[4])

    def _most_telling(self) -> OSError:
        """Choose the error to raise: "unreachable" only where every address is."""
        if not self._errors:
            return socket.gaierror(socket.EAI_NONAME, "the name has no address")
        told = [error for error in self._errors if error.errno not in _UNREACHABLE]
        return (told or self._errors)[-1]
