"""Are the user's timeouts never lowered?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.session.outcome import Options

seconds = st.floats(0.001, 10_000.0)


def patiently(timeout: object) -> object:
    return Options(timeout=timeout).patiently(10.0, 60.0).timeout


def test_an_untouched_timeout_is_ours() -> None:
    """pip's default of 15 arrives as an int; ours tell connecting from silence."""
    assert patiently(15) == (10.0, 60.0)


def test_a_timeout_of_the_user_counts_for_both() -> None:
    """`--timeout 100` arrives as a float."""
    assert patiently(100.0) == (100.0, 100.0)
    assert patiently(15.0) == (15.0, 60.0)


def test_no_timeout_means_for_ever() -> None:
    """`--timeout 0` says so, and arrives as None."""
    assert patiently(None) == (None, None)


@pytest.mark.parametrize(
    ("timeout", "longer"),
    [
        ((15, 15), (10.0, 60.0)),
        ((100.0, 15), (100.0, 60.0)),
        ((5, 100.0), (10.0, 100.0)),
        ((100.0, 100.0), (100.0, 100.0)),
    ],
)
def test_a_pair_is_taken_one_by_one(timeout: object, longer: object) -> None:
    """requests allows (connect, read)."""
    assert patiently(timeout) == longer


@given(seconds | st.tuples(seconds, seconds), seconds, seconds)
def test_what_a_user_asked_for_is_never_lowered(
    timeout: float | tuple[float, float], connect: float, read: float
) -> None:
    """Who has a slow proxy knows it better than we do."""
    both = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    longer = Options(timeout=timeout).patiently(connect, read).timeout

    assert all(ours >= theirs for ours, theirs in zip(longer, both))
    assert longer[0] >= connect
    assert longer[1] >= read
