"""How does a request get a connection that the last failure says nothing about?

The rule: the first attempt takes what pip's pool has; every retry gets a new
connection, to another address of the host if there is one. Whatever is opened
in a helper thread can be cancelled.

The seam is `pool_classes_by_scheme`, an attribute of urllib3's pool managers
in 1.26 and 2.x, so all of this works through CONNECT proxies too. SOCKS pools
stay as they are.
"""

from __future__ import annotations

import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from pip_resilient.door import wing
from pip_resilient.session.addresses import AddressBook, Cancelled, Race, resolve
from pip_resilient.session.head import Answer
from pip_resilient.session.outcome import Ours

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pip_resilient.policy.failure import Failure


class Asking(threading.local):
    """What this thread is about to ask, seen from inside the pools.

    Attributes:
        exchange: The exchange that the request belongs to, or None.
        raw: Whether urllib3's own response is wanted, below pip's cache.
        cache_only: Whether only pip's cache is looked at, and nobody asked.
        fresh: Whether a new connection is wanted.
        watch: Looks at the wait for the answer's first byte, or None.
        opener: The helper thread's own handle, or None in pip's thread.
        public_only: Whether addresses of private networks are left out.
        address: The address of the connection used last.
    """

    exchange: Any = None
    raw = False
    cache_only = False
    fresh = False
    watch: Any = None
    opener: Any = None
    public_only = False
    address: Any | None = None


class _Order:
    """Stands for as long as one request is sent."""

    def __init__(self, asking: Asking, how: dict[str, Any]) -> None:
        self._asking = asking
        self._how = how

    def __enter__(self) -> None:
        self._before = {name: getattr(self._asking, name) for name in self._how}
        vars(self._asking).update(self._how)
        self._asking.address = None

    def __exit__(self, *error: object) -> None:
        vars(self._asking).update(self._before)


class Dialer:
    """Opens connections for all pools of a run.

    Args:
        clock: Gives the monotonic time in seconds.

    Attributes:
        looked: What second looks have shown (`translate`), by where they led.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.asking = Asking()
        self.book = AddressBook()
        self.looked: dict[Any, Failure] = {}
        self._classes: dict[type, type] = {}

    def ask(self, **how: Any) -> AbstractContextManager[None]:
        """Say, for this thread, how the next request is to be sent (see `Asking`)."""
        return _Order(self.asking, how)

    def blame(self) -> None:
        """Prefer other addresses than that of the connection used last."""
        if self.asking.address is not None:
            self.book.failed(self.asking.address)

    def reached_public(self) -> bool:
        """Tell whether the connection used last leads to the public internet."""
        return self.is_public(self.asking.address)

    def may_keep(self, connection: Any) -> bool:
        """Tell whether a connection that was kept open may bring this request's answer."""
        if self.asking.fresh:
            return False
        address = getattr(connection, "resilient_address", None)
        return not self.asking.public_only or self.is_public(address)

    @staticmethod
    def is_public(address: Any) -> bool:
        """Tell whether an address is on the public internet; one that nobody knows is."""
        return address is None or bool(wing.disclosure.is_public(str(address[0])))

    def adopt(self, manager: Any) -> None:
        """Let a pool manager make its connections through us from now on."""
        classes = dict(manager.pool_classes_by_scheme)
        manager.pool_classes_by_scheme = {
            scheme: self._ours(cls) for scheme, cls in classes.items()
        }

    def _ours(self, cls: Any) -> Any:
        if hasattr(cls, "resilient_dialer") or "SOCKS" in cls.ConnectionCls.__name__:
            return cls
        if cls not in self._classes:
            self._classes[cls] = _pool_class(cls, _connection_class(cls.ConnectionCls, self), self)
        return self._classes[cls]

    def connect(self, host: str, port: int, timeout: float | None, **how: Any) -> socket.socket:
        """Open a TCP connection to the host's first address that accepts one.

        Raises:
            socket.gaierror: The name was not resolved.
            socket.timeout: No address accepted in time.
            OSError: All addresses failed.
            Cancelled: The opener of this thread was called off.
        """
        opener = self.asking.opener
        stopped = opener.cancelled if opener is not None else lambda: False
        addresses = self.book.in_order(resolve(host, port))
        if self.asking.public_only:
            addresses = [info for info in addresses if wing.disclosure.is_public(str(info[4][0]))]
        race = Race(addresses, self.clock, stopped, self.book, **how)
        sock, self.asking.address = race.run(timeout)
        if opener is not None:
            opener.opened(sock)
        return sock


def _connection_class(cls: Any, dialer: Dialer) -> type:
    """Make a subclass of a urllib3 connection that the dialer opens."""
    errors = _exceptions_of(cls)

    class Connection(cls):  # type: ignore[misc]
        resilient_address: Any = None
        response_class = type("Answer", (Answer,), {"asking": dialer.asking})

        def _new_conn(self) -> socket.socket:
            """Open the TCP connection; TLS, SNI and CONNECT come later, untouched."""
            timeout = self.timeout if isinstance(self.timeout, (int, float)) else None
            how = {"source_address": self.source_address, "options": self.socket_options}
            try:
                with Ours(Cancelled):
                    host = str(getattr(self, "_dns_host", self.host))
                    sock = dialer.connect(host, self.port or 80, timeout, **how)
            except OSError as error:
                raise _as_urllib3_says(error, self, errors) from error
            self.resilient_address = dialer.asking.address
            sys.audit("http.client.connect", self, self.host, self.port)
            return sock

    Connection.__name__ = cls.__name__
    return Connection


def _as_urllib3_says(error: OSError, connection: Any, errors: dict[str, Any]) -> Exception:
    """Return the exception that this urllib3 raises for a failure to connect."""
    made: Exception
    if isinstance(error, socket.gaierror) and "NameResolutionError" in errors:  # urllib3 2.x
        made = errors["NameResolutionError"](connection.host, connection, error)
    elif isinstance(error, socket.timeout):
        made = errors["ConnectTimeoutError"](
            connection,
            f"Connection to {connection.host} timed out. (connect timeout={connection.timeout})",
        )
    else:
        made = errors["NewConnectionError"](
            connection, f"Failed to establish a new connection: {error}"
        )
    return made


def _exceptions_of(cls: type) -> dict[str, Any]:
    """Return the exception classes that this very urllib3 uses, by name.

    They are found through the module that defines the connection: Debian 11
    has second copies, and an `except` with the wrong one never fires.
    """
    home = next(base for base in cls.__mro__ if "_new_conn" in vars(base))
    module = vars(sys.modules[home.__module__])
    return vars(sys.modules[module["NewConnectionError"].__module__])


def _pool_class(cls: Any, connection_class: type, dialer: Dialer) -> type:
    """Make a subclass of a urllib3 pool whose connections the dialer opens."""

    class Pool(cls):  # type: ignore[misc]
        resilient_dialer = dialer
        ConnectionCls = connection_class

        def _get_conn(self, timeout: Any = None) -> Any:
            """Take a connection from the pool; where it is not one that may be used, close it."""
            conn = super()._get_conn(timeout)
            if getattr(conn, "sock", None) is not None and not dialer.may_keep(conn):
                conn.close()
                if getattr(conn, "auto_open", 1) == 0:
                    # urllib3 1.26: a tunnelled connection cannot be opened again.
                    conn = self._new_conn()
            dialer.asking.address = getattr(conn, "resilient_address", None)
            opener, sock = dialer.asking.opener, getattr(conn, "sock", None)
            if opener is not None and sock is not None:
                opener.opened(sock)
            return conn

        def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            exchange = dialer.asking.exchange
            if exchange is not None and exchange.recall is not None:
                with Ours():
                    kwargs["headers"] = {**kwargs["headers"], **exchange.recall.headers()}

            def plainly() -> Any:
                return cls.urlopen(self, method, url, *args, **kwargs)

            watch = dialer.asking.watch
            if watch is None or method not in ("GET", "HEAD"):
                return plainly()
            return watch.first_answer(plainly)

    Pool.__name__ = cls.__name__
    return Pool
