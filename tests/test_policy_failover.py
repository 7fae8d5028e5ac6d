"""Is somebody else asked when that helps, not before, and never for our own faults?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.policy.failover import FIRST_WAIT, WAITS_FOR, is_due
from pip_resilient.policy.failure import Failure, Kind, Whose

NEVER = None
AT_ONCE = (1, 1)
SOON = (2, 3)

# After how many attempts: with a mirror that the user named, and with others.
TABLE = {
    Kind.REFUSED: AT_ONCE,
    Kind.CONNECT_TIMEOUT: AT_ONCE,
    Kind.UNREACHABLE: AT_ONCE,
    Kind.DNS_TEMPORARY: AT_ONCE,
    Kind.DNS_UNKNOWN: AT_ONCE,
    Kind.SILENT: AT_ONCE,
    Kind.CRAWL: AT_ONCE,
    Kind.INTERCEPTED: AT_ONCE,
    Kind.TOO_LARGE: AT_ONCE,
    Kind.CERTIFICATE: AT_ONCE,
    Kind.TOO_EARLY: AT_ONCE,
    Kind.EXPIRED: AT_ONCE,
    Kind.OTHER_HOST: AT_ONCE,
    Kind.AGAINST_RULES: AT_ONCE,
    Kind.TLS_PROTOCOL: AT_ONCE,
    Kind.TLS_REFUSED: AT_ONCE,
    Kind.PROXY_FORBIDS: AT_ONCE,
    Kind.WRONG_BYTES: AT_ONCE,
    Kind.CHANGED: AT_ONCE,
    Kind.RESET: SOON,
    Kind.TRUNCATED: SOON,
    Kind.TLS_EOF: SOON,
    Kind.TLS_DAMAGED: SOON,
    Kind.GARBLED: SOON,
    Kind.STATUS: SOON,
    Kind.CLIENT_CERTIFICATE: NEVER,
    Kind.PROXY_AUTHENTICATION: NEVER,
    Kind.PROXY_SCHEME: NEVER,
    Kind.CA_PATH: NEVER,
    Kind.CLIENT_PATH: NEVER,
    Kind.NO_SSL: NEVER,
    Kind.NO_SOCKS: NEVER,
    Kind.DISK: NEVER,
    Kind.CONTRADICTED: NEVER,
    Kind.STACK: NEVER,
}
each_kind = pytest.mark.parametrize("kind", Kind)


@each_kind
@pytest.mark.parametrize("named", [True, False])
def test_the_table_of_when_others_are_asked(kind: Kind, named: bool) -> None:
    """Too early it is a burden on mirrors, too late a wait for nothing."""
    row = TABLE[kind]
    due = [attempts for attempts in range(1, 10) if is_due(Failure(kind), attempts, named)]

    assert due == ([] if row is NEVER else list(range(row[0 if named else 1], 10)))


@each_kind
def test_what_is_wrong_on_this_machine_no_other_host_can_cure(kind: Kind) -> None:
    """A full disk is full for mirrors too."""
    if kind.whose is Whose.MACHINE:
        assert TABLE[kind] is NEVER


@pytest.mark.parametrize("kind", [Kind.STATUS, Kind.RESET])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("seconds", "due"), [(0.0, False), (WAITS_FOR, False), (WAITS_FOR + 0.1, True), (3600.0, True)]
)
def test_a_short_wait_that_a_server_asks_for_is_waited(
    kind: Kind, named: bool, seconds: float, due: bool
) -> None:
    """It says when it will be there again; an hour is too long with others there."""
    assert is_due(Failure(kind, retry_after=seconds), 1, named) is due


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("seconds", [0.0, 1.0, WAITS_FOR])
def test_a_server_that_asks_for_one_moment_after_the_other_is_left(
    named: bool, seconds: float
) -> None:
    """As soon as one that asks for nothing: all the patience would pass with others there."""
    due = [
        attempts
        for attempts in range(1, 10)
        if is_due(Failure(Kind.STATUS, retry_after=seconds), attempts, named)
    ]

    assert due == list(range(SOON[0 if named else 1], 10))


@given(st.sampled_from(Kind), st.integers(1, 100), st.none() | st.floats(0, 1e6))
def test_a_named_mirror_is_never_asked_later_than_another(
    kind: Kind, attempts: int, retry_after: float | None
) -> None:
    """The user wants it."""
    failure = Failure(kind, retry_after=retry_after)

    assert is_due(failure, attempts, named=True) or not is_due(failure, attempts, named=False)


def test_those_cut_off_together_come_apart_from_each_other() -> None:
    """And nobody waits for long."""
    assert 1.0 <= FIRST_WAIT <= 5.0
