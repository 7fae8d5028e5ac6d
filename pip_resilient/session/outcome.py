"""With what does an attempt begin, and with what does it end?"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pip_resilient.policy.failure import Failure


class Options(NamedTuple):
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

    def within(self, seconds: float | None) -> Options:
        """Return the same with no timeout longer than what is left of the run."""
        if seconds is None:
            return self
        both = self.timeout if isinstance(self.timeout, tuple) else (self.timeout,) * 2
        most = max(0.1, seconds)
        return self._replace(timeout=tuple(most if one is None else min(one, most) for one in both))

    def at(self, same_origin: bool) -> Options:
        """Return what goes along to a URL: a client certificate to its own origin only."""
        return self if same_origin else self._replace(cert=None)


class Failed(NamedTuple):
    """An attempt that brought nothing usable, and what pip would have got."""

    failure: Failure
    error: Exception | None = None
    response: Any = None


class GivenUp(Exception):  # the end of the story, not an error of ours
    """Nothing more is tried; carries what pip would have got."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.failure.said)
        self.failed = failed


class Surprise(Exception):  # carries an error of ours
    """Something of ours went wrong below pip's stack, which must not be blamed for it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error


@contextmanager
def ours(*expected: type[Exception]) -> Iterator[None]:
    """Mark what goes wrong in our own code, called from within pip's stack.

    Args:
        expected: What may be raised on purpose; errors of the network always may.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (OSError, Surprise, *expected)):
            raise
        raise Surprise(error) from error
