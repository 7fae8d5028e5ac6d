"""Is a silent body noticed soon, and a slow one left alone?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.policy.patience import CRAWL_RATE
from pip_resilient.policy.silence import Silence

moments = st.floats(0.0, 1000.0)


def silence(*arrivals: float, patience: float = 150.0) -> Silence:
    made = Silence(0.0, 0, patience)
    for moment in arrivals:
        made.anew(moment)
    return made


@pytest.mark.parametrize(
    ("now", "offset", "end", "calm"),
    [
        (0.0, 0, None, 1.0),
        (0.4, 0, None, 0.6),
        (1.0, 0, None, 0.0),
        (0.1, 0, 1000, 0.15),
        (0.25, 0, 1000, 0.0),
        (0.25, 100, 800, 0.75),
        (0.25, 100, 1000, 0.0),
    ],
)
def test_one_connection_is_enough_while_it_will_soon_be_done(
    now: float, offset: int, end: int | None, calm: float
) -> None:
    """What takes two seconds more is not worth another connection, and silence is seen to."""
    assert silence().calm(now, offset, end) == pytest.approx(calm)


@given(moments, st.integers(0, 10**9), st.none() | st.integers(0, 10**9))
def test_calm_ends(now: float, offset: int, end: int | None) -> None:
    """A wait too long misses the silence, a negative one is an error of `poll`."""
    assert 0.0 <= silence().calm(now, offset, end) <= 1.0


@pytest.mark.parametrize(("now", "left"), [(0.0, 4.0), (3.0, 1.0), (4.0, None), (9.0, None)])
def test_somebody_else_is_thought_of_in_time(now: float, left: float | None) -> None:
    """A wait beyond that moment would cost as much again."""
    assert silence().until_spare(now) == left


def test_arrivals_begin_the_silence_anew() -> None:
    """A body that flows is not silent."""
    flowing = silence(0.1, 0.2, 5.0, 5.1)

    assert flowing.since == 5.1


@pytest.mark.parametrize(
    ("now", "offset", "crawls"),
    [
        (149.0, 0, False),
        (150.0, 150 * CRAWL_RATE - 1, True),
        (150.0, 150 * CRAWL_RATE, False),
        (181.0, 0, False),
    ],
)
def test_a_crawl_is_judged_over_all_the_patience(now: float, offset: int, crawls: bool) -> None:
    """A byte a minute would be progress for ever; a machine that slept has not crawled."""
    assert silence().crawls(now, offset) is crawls


def test_each_stretch_is_judged_for_itself() -> None:
    """A fast beginning must not pay for hours of crawling."""
    body = silence()

    assert not body.crawls(150.0, 10**9)
    assert body.crawls(300.0, 10**9 + 5)


MB = 1_000_000


@pytest.mark.parametrize(
    ("now", "offset", "end", "seconds"),
    [
        (0.1, 10 * MB, 50 * MB, 0.00197),
        (0.1, MB, 50 * MB, 0.004),
        (0.0, 0, 50 * MB, 0.0),
        (0.1, 100_000, 50 * MB, 0.0),
        (0.1, 10 * MB, 10 * MB + 300_000, 0.0),
        (0.1, 10 * MB, None, 0.0),
    ],
    ids=["as-it-comes", "not-for-long", "nothing-yet", "too-little", "end-is-near", "no-length"],
)
def test_bytes_gather_for_as_long_as_they_come(
    now: float, offset: int, end: int | None, seconds: float
) -> None:
    """A body of 1 Gbit/s comes in a thousand pieces a second, and each costs as much as a hash."""
    assert silence().gathering(now, offset, end) == pytest.approx(seconds, rel=0.01)


@given(moments, st.integers(0, 10**9), st.none() | st.integers(0, 10**9))
def test_gathering_is_never_seen(now: float, offset: int, end: int | None) -> None:
    """Neither by who watches a progress bar nor by a receive buffer."""
    assert 0.0 <= silence().gathering(now, offset, end) <= 0.004
