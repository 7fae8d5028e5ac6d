"""How does a request get a connection that the last failure says nothing about?

The rule: the first attempt takes what pip's pool has; every retry gets a new
connection, to another address of the host if there is one. Addresses are
raced 250 ms apart, IPv6 and IPv4 in turn (RFC 8305 §4 and §5), name resolution
is bounded, and whatever is opened in a helper thread can be cancelled.

The seam is `pool_classes_by_scheme`, an attribute of urllib3's pool managers
in 1.26 and 2.x, so all of this works through CONNECT proxies too. SOCKS pools
stay as they are.
"""

from __future__ import annotations

import errno
import os
import queue
import selectors
import socket
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESOLVE_TIMEOUT = 5.0
RACE_DELAY = 0.25
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)

Address = tuple[int, int, int, str, Any]
"""What `socket.getaddrinfo` gives: family, type, protocol, canonical name, address."""


class Cancelled(Exception):  # noqa: N818  # an order, not an error
    """The opening of a connection was called off."""


class Asking(threading.local):
    """What this thread is about to ask, seen from inside the pools.

    Attributes:
        exchange: The exchange that the request belongs to, or None.
        raw: Whether urllib3's own response is wanted, below pip's cache.
        fresh: Whether a new connection is wanted.
        watch: Looks at the wait for the answer's first byte, or None.
        opener: The helper thread's own handle, or None in pip's thread.
        address: The address of the connection used last.
    """

    exchange: Any = None
    raw = False
    fresh = False
    watch: Any = None
    opener: Any = None
    address: Optional[Any] = None


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


class Dialer:
    """Opens connections for all pools of a run.

    Args:
        clock: Gives the monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.asking = Asking()
        self.book = AddressBook()
        self._classes: dict[type, type] = {}

    @contextmanager
    def ask(self, **how: Any) -> Iterator[None]:
        """Say, for this thread, how the next request is to be sent (see `Asking`)."""
        asking = self.asking
        before = {name: getattr(asking, name) for name in how}
        vars(asking).update(how)
        asking.address = None
        try:
            yield
        finally:
            vars(asking).update(before)

    def blame(self) -> None:
        """Prefer other addresses than that of the connection used last."""
        if self.asking.address is not None:
            self.book.failed(self.asking.address)

    def adopt(self, manager: Any) -> None:
        """Let a pool manager make its connections through us from now on."""
        classes = dict(manager.pool_classes_by_scheme)
        manager.pool_classes_by_scheme = {
            scheme: self._ours(cls) for scheme, cls in classes.items()
        }

    def _ours(self, cls: type) -> type:
        if hasattr(cls, "resilient_dialer") or "SOCKS" in cls.ConnectionCls.__name__:  # type: ignore[attr-defined]
            return cls
        if cls not in self._classes:
            self._classes[cls] = _pool_class(cls, self)
        return self._classes[cls]

    def connect(self, host: str, port: int, timeout: Optional[float], **how: Any) -> socket.socket:
        """Open a TCP connection to the host's first address that accepts one.

        Raises:
            socket.gaierror: The name was not resolved.
            socket.timeout: No address accepted in time.
            OSError: All addresses failed.
            Cancelled: The opener of this thread was called off.
        """
        asking = self.asking
        stopped = asking.opener.cancelled if asking.opener is not None else _never
        addresses = self.book.in_order(resolve(host, port))
        sock, info = race(addresses, timeout, self.clock, stopped, self.book, **how)
        asking.address = info[4]
        if asking.opener is not None:
            asking.opener.opened(sock)
        return sock


def _never() -> bool:
    return False


def resolve(host: str, port: int) -> list[Address]:
    """Resolve a host's name within `RESOLVE_TIMEOUT`.

    `getaddrinfo` cannot be cancelled, so it runs in a daemon thread that may
    be left behind; a numeric address needs none.
    """
    if host.startswith("["):
        host = host.strip("[]")
    try:
        return socket.getaddrinfo(
            host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST
        )
    except socket.gaierror:
        pass
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001  # carried to the asker
            answers.put(error)

    threading.Thread(target=ask, name="pip-resilient-resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=RESOLVE_TIMEOUT)
    except queue.Empty:
        raise socket.gaierror(
            socket.EAI_AGAIN, f"no answer of the resolver within {RESOLVE_TIMEOUT:.0f} s"
        ) from None
    if isinstance(answer, UnicodeError):
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from answer
    if isinstance(answer, socket.gaierror) and answer.errno == socket.EAI_AGAIN and not _routed():
        raise OSError(errno.ENETUNREACH, "no network: names cannot be resolved") from answer
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


def race(
    addresses: list[Address],
    timeout: Optional[float],
    clock: Callable[[], float],
    stopped: Callable[[], bool] = _never,
    book: Optional[AddressBook] = None,
    source_address: Optional[Any] = None,
    options: Optional[Any] = None,
) -> tuple[socket.socket, Address]:
    """Connect to the first of several addresses that accepts.

    The next address is tried 250 ms after the one before, or at once when
    one fails. All run in this thread.

    Args:
        addresses: In the order of preference.
        timeout: Seconds for all of it; None waits as long as the system does.
        clock: Gives the monotonic time.
        stopped: Asked every quarter of a second whether to go on.
        book: Told of every address that failed.
        source_address: As of `socket.create_connection`.
        options: Arguments for `setsockopt`, as urllib3 gives them.
    """
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
    waiting = list(addresses)
    running: dict[socket.socket, Address] = {}
    errors: list[OSError] = []
    ends = None if timeout is None else clock() + timeout
    next_at = clock()
    selector = selectors.DefaultSelector()
    try:
        while waiting or running:
            if stopped():
                raise Cancelled
            now = clock()
            if ends is not None and now >= ends:
                for info in running.values():
                    if book is not None:
                        book.failed(info[4])
                raise socket.timeout("timed out")
            if waiting and (now >= next_at or not running):
                info = waiting.pop(0)
                next_at = now + RACE_DELAY
                sock = _begin(info, source_address, options, errors, book)
                if sock is not None:
                    running[sock] = info
                    selector.register(sock, selectors.EVENT_WRITE)
                continue
            pause = RACE_DELAY if not waiting else max(0.0, next_at - now)
            if ends is not None:
                pause = min(pause, max(0.0, ends - now))
            for key, _ in selector.select(pause):
                won = key.fileobj
                assert isinstance(won, socket.socket)  # noqa: S101  # what was registered
                info = running.pop(won)
                selector.unregister(won)
                number = won.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if number == 0:
                    won.settimeout(timeout)
                    return won, info
                won.close()
                _note(OSError(number, os.strerror(number)), info, errors, book)
    finally:
        selector.close()
        for sock in running:
            sock.close()
    raise _most_telling(errors)


def _begin(
    info: Address,
    source_address: Optional[Any],
    options: Optional[Any],
    errors: list[OSError],
    book: Optional[AddressBook],
) -> Optional[socket.socket]:
    sock: Optional[socket.socket] = None
    try:
        sock = socket.socket(info[0], info[1], info[2])
        for option in options or ():
            sock.setsockopt(*option)
        sock.setblocking(False)
        if source_address:
            sock.bind(source_address)
        number = sock.connect_ex(info[4])
        if number not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)):
            raise OSError(number, os.strerror(number))
    except OSError as error:
        if sock is not None:
            sock.close()
        _note(error, info, errors, book)
        return None
    return sock


def _note(
    error: OSError, info: Address, errors: list[OSError], book: Optional[AddressBook]
) -> None:
    errors.append(error)
    if book is not None:
        book.failed(info[4])


def _most_telling(errors: list[OSError]) -> OSError:
    """Choose the error to raise: "unreachable" only where every address is."""
    told = [error for error in errors if error.errno not in _UNREACHABLE]
    chosen = (told or errors)[-1]
    # `OSError(errno)` makes ConnectionRefusedError and its kin by itself.
    return chosen


def _pool_class(cls: Any, dialer: Dialer) -> type:
    """Make a subclass of a urllib3 pool whose connections come from the dialer."""

    class Connection(cls.ConnectionCls):  # type: ignore[misc]
        resilient_address: Any = None

        def _new_conn(self) -> socket.socket:
            """Open the TCP connection; TLS, SNI and CONNECT come later, untouched."""
            errors = _exceptions_of(cls)
            try:
                sock = dialer.connect(
                    getattr(self, "_dns_host", self.host),
                    self.port,
                    self.timeout if isinstance(self.timeout, (int, float)) else None,
                    source_address=self.source_address,
                    options=self.socket_options,
                )
            except socket.gaierror as error:
                made = errors["NewConnectionError"]
                text = f"Failed to establish a new connection: {error}"
                if "NameResolutionError" in errors:
                    raise errors["NameResolutionError"](self.host, self, error) from error
                raise made(self, text) from error
            except socket.timeout as error:
                raise errors["ConnectTimeoutError"](
                    self,
                    f"Connection to {self.host} timed out. (connect timeout={self.timeout})",
                ) from error
            except OSError as error:
                raise errors["NewConnectionError"](
                    self, f"Failed to establish a new connection: {error}"
                ) from error
            self.resilient_address = dialer.asking.address
            return sock

        def getresponse(self) -> Any:
            watch = dialer.asking.watch
            if watch is not None and self.sock is not None:
                watch.wait_for_answer(self.sock)
            return super().getresponse()

    class Pool(cls):  # type: ignore[misc]
        resilient_dialer = dialer
        ConnectionCls = Connection

        def _get_conn(self, timeout: Any = None) -> Any:
            """Take a connection from the pool; where a fresh one is wanted, close it first."""
            conn = super()._get_conn(timeout)
            if dialer.asking.fresh and getattr(conn, "sock", None) is not None:
                conn.close()
                if getattr(conn, "auto_open", 1) == 0:
                    # urllib3 1.26: a tunnelled connection cannot be opened again.
                    conn = self._new_conn()
            dialer.asking.address = getattr(conn, "resilient_address", None)
            return conn

        def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            def plainly() -> Any:
                return cls.urlopen(self, method, url, *args, **kwargs)

            watch = dialer.asking.watch
            if watch is None or method not in ("GET", "HEAD"):
                return plainly()
            return watch.first_answer(plainly)

    Connection.__name__ = cls.ConnectionCls.__name__
    Pool.__name__ = cls.__name__
    return Pool


def _exceptions_of(cls: type) -> dict[str, Any]:
    """Return the exception classes that this very urllib3 uses, by name.

    They are read off the module that defines the pool: Debian 11 has second
    copies, and an `except` with the wrong one never fires.
    """
    module = vars(sys.modules[_home(cls).__module__])
    package = sys.modules[module["MaxRetryError"].__module__]
    return vars(package)


def _home(cls: type) -> type:
    """Return urllib3's own HTTPConnectionPool in the hierarchy of a pool class."""
    return next(base for base in cls.__mro__ if base.__name__ == "HTTPConnectionPool")
