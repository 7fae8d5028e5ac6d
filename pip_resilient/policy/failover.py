"""Is it time to ask somebody else than the host that pip named?

The rule: what another connection may cure is tried on another connection
first; what waiting may cure is left to others as soon as there are any; and
what is wrong here, on this machine or in its settings, no other host can cure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.policy.failure import Kind

if TYPE_CHECKING:
    from pip_resilient.policy.failure import Failure

WAITS_FOR = 5.0
"""The longest Retry-After, in seconds, that is waited for where there is a spare."""

FIRST_WAIT = 3.0
"""Seconds, at most, before a run's first request to a mirror that nobody named.

Drawn anew by each run: those cut off together do not arrive together
(benchmarks/herd.py).
"""

# Nothing was reached, or nothing that could be believed.
_AT_ONCE = frozenset(
    {
        Kind.REFUSED,
        Kind.CONNECT_TIMEOUT,
        Kind.UNREACHABLE,
        Kind.DNS_TEMPORARY,
        Kind.DNS_UNKNOWN,
        Kind.SILENT,
        Kind.CRAWL,
        Kind.INTERCEPTED,
        Kind.TOO_LARGE,
        Kind.CERTIFICATE,
        Kind.TOO_EARLY,
        Kind.EXPIRED,
        Kind.OTHER_HOST,
        Kind.AGAINST_RULES,
        Kind.TLS_PROTOCOL,
        Kind.TLS_REFUSED,
        Kind.PROXY_FORBIDS,
        Kind.WRONG_BYTES,
        Kind.CHANGED,
    }
)
# Some of a host's addresses or connections may be good: one bad CDN node.
_AFTER_ANOTHER_TRY = frozenset(
    {
        Kind.RESET,
        Kind.TRUNCATED,
        Kind.TLS_EOF,
        Kind.TLS_DAMAGED,
        Kind.GARBLED,
        Kind.STATUS,
    }
)
_TRIES_BEFORE_NAMED = 2
_TRIES_BEFORE_UNNAMED = 3


def is_due(failure: Failure, attempts: int, named: bool) -> bool:
    """Tell whether a spare is asked after this failure.

    Args:
        failure: What the host that was asked did.
        attempts: How many attempts it has had in a row.
        named: Whether the user named a spare for this; one that was not
            named is spared for longer.
    """
    if failure.kind in _AT_ONCE:
        return True
    if failure.kind not in _AFTER_ANOTHER_TRY:
        return False
    if failure.retry_after is not None and failure.retry_after > WAITS_FOR:
        return True
    # A server that asked for a moment, and then for another, does not keep its word.
    return attempts >= (_TRIES_BEFORE_NAMED if named else _TRIES_BEFORE_UNNAMED)
