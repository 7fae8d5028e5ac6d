"""With what does an attempt begin, and with what does it end?

The rule: how a request is to be sent is a frozen record, changed only by making
another one; every end of an attempt has a type of its own, so that nobody takes
a verdict of ours for an error, or an error of ours for the network's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip_resilient.policy.record import Record
from pip_resilient.session.addresses import RESOLVE_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pip_resilient.policy.failure import Failure


class Options(Record):
    """How requests wants a request to be sent; times in seconds."""

    stream: bool = False
    timeout: Any = None
    verify: Any = True
    cert: Any = None
    proxies: Mapping[str, str] | None = None

    def patiently(self, connect: float, read: float) -> Options:
        """Return the same with our timeouts, the user's never lowered.

        An untouched `--timeout` arrives as the int 15, one that somebody set
        as a float, and `--timeout 0` as None: wait for ever (pip 20.3 to 26.3).
        """
        if self.timeout is None:
            return self._replace(timeout=(None, None))
        both = self.timeout if isinstance(self.timeout, tuple) else (self.timeout,) * 2
        longer = [
            ours if type(theirs) is int or theirs is None else max(ours, float(theirs))
            for ours, theirs in zip((connect, read), both)
        ]
        return self._replace(timeout=tuple(longer))

    def within(self, seconds: float | None, reading: bool = True) -> Options:
        """Return the same with no timeout longer than so many seconds.

        Args:
            seconds: What is left of the run, for instance; None: no limit.
            reading: Whether that goes for the answer too, or only for the connection.
        """
        if seconds is None:
            return self
        both = self.timeout if isinstance(self.timeout, tuple) else (self.timeout,) * 2
        most = max(0.1, seconds)
        connect, read = (most if one is None else min(one, most) for one in both)
        return self._replace(timeout=(connect, read if reading else both[1]))

    def read_timeout(self) -> float | None:
        """Return the longest silence of a connection in seconds, or None for no limit."""
        both = self.timeout if isinstance(self.timeout, tuple) else (self.timeout,) * 2
        return None if both[1] is None else float(both[1])

    def longest_attempt(self) -> float | None:
        """Return how long an attempt can take, in seconds; longer means the machine slept."""
        connect, read = self.timeout if isinstance(self.timeout, tuple) else (self.timeout,) * 2
        if connect is None or read is None:
            return None
        # To resolve, to connect, the proxy's tunnel and TLS, then the answer.
        return RESOLVE_TIMEOUT + 3 * float(connect) + float(read)

    def respelled(self, which: set[str]) -> Options:
        """Return the same with these proxies, written `https://`, used as http."""
        if not which:
            return self
        proxies = {
            scheme: "http://" + proxy[len("https://") :] if proxy in which else proxy
            for scheme, proxy in (self.proxies or {}).items()
        }
        return self._replace(proxies=proxies)


class Failed(Record):
    """An attempt that brought nothing usable, and what pip would have got.

    Attributes:
        failure: What happened.
        error: The exception of pip's stack, where there was one.
        response: The answer, where there was one.
        final: Whether it has been given up already.
    """

    failure: Failure
    error: Exception | None = None
    response: Any = None
    final: bool = False


class GivenUp(Exception):  # the end of the story, not an error of ours
    """Nothing more is tried; carries what pip would have got."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.failure.said)
        self.failed = failed


class NotAsked(Exception):  # tells the detour; pip never sees it
    """Nobody was asked: pip's cache has not got it, or not fresh enough to be used."""


class Broken(Exception):  # tells the exchange; pip never sees it
    """A body that nobody has seen a byte of is asked for from the start again."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.said)
        self.failure = failure


class Surprise(Exception):  # carries an error of ours
    """Something of ours went wrong below pip's stack, which must not be blamed for it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error


class Ours:
    """Marks what goes wrong in our own code, called from within pip's stack.

    No `contextmanager`: every request enters it three times.

    Args:
        expected: What may be raised on purpose; errors of the network always may.
    """

    def __init__(self, *expected: type[Exception]) -> None:
        self._expected = expected

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            expected = isinstance(error, (OSError, Surprise, *self._expected))
            if not expected:
                raise Surprise(error) from error
