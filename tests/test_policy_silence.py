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
        made.arrived(moment)
    return made


@pytest.mark.parametrize(("now", "asks"), [(1.9, False), (2.0, True), (60.0, True)])
def test_a_second_connection_is_asked_after_two_seconds(now: float, asks: bool) -> None:
    """A stalled connection would cost the read timeout."""
    assert silence().asks_again(now) is asks


def test_a_body_s_own_rhythm_sets_the_measure() -> None:
    """A slow link is not a stalled one."""
    slow = silence(1.0, 2.0, 3.5)

    assert not slow.asks_again(9.4)
    assert slow.asks_again(9.5)


def test_arrivals_begin_the_silence_anew() -> None:
    """A body that flows is not silent."""
    flowing = silence(0.1, 0.2, 5.0, 5.1)

    assert flowing.since == 5.1


def test_a_second_connection_in_vain_doubles_the_wait() -> None:
    """A dead server would be asked every two seconds."""
    dead = silence()

    assert dead.asks_again(2.0)
    assert not dead.asks_again(5.9)
    assert dead.asks_again(6.0)
    assert not dead.asks_again(13.9)
    assert dead.asks_again(14.0)


def test_one_that_delivered_takes_the_doubling_back() -> None:
    """A link that stalls now and then is helped as soon as at first."""
    stalls = silence()
    stalls.asks_again(2.0)
    stalls.second_delivered()
    stalls.arrived(2.5)

    assert stalls.asks_again(12.6)


@given(moments, st.none() | moments, st.none() | moments, st.lists(moments, max_size=4))
def test_a_pause_ends_when_somebody_wants_to_look(
    now: float, read_timeout: float | None, until: float | None, arrivals: list[float]
) -> None:
    """A wait too long misses the timeout, a negative one is an error of `poll`."""
    watched = silence(*sorted(arrivals))
    pause = watched.pause(now, read_timeout, until)

    assert pause >= 0.0
    assert read_timeout is None or pause <= max(0.0, read_timeout - (now - watched.since))
    assert until is None or pause <= max(0.0, until - now)


@given(moments)
def test_waiting_is_not_busy(now: float) -> None:
    """A pause of nothing, over and over, takes a whole core."""
    assert silence().pause(now, None, None) >= 0.05


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
