"""Are waits bounded, and does patience end when it should?

The properties play a whole host: attempts that take some time, waits that take
theirs, all of it virtual.
"""

from __future__ import annotations

import itertools
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.patience import (
    SLEPT,
    STANDSTILL_RATE,
    Decision,
    GiveUp,
    Hedges,
    Limits,
    Patience,
    Retry,
    is_crawl,
    stall_after,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

LOST = Failure(Kind.RESET)
LIMITS = Limits()
TRANSIENT = [kind for kind in Kind if kind.transient]
PERMANENT = [kind for kind in Kind if not kind.transient]

seeds = st.integers(0, 2**32).map(Random)
took = st.floats(0.0, 100.0, allow_nan=False)


def decided(limits: Limits = LIMITS, failure: Failure = LOST, **more: float) -> Decision:
    """Return what a new patience decides after a first attempt."""
    return Patience(limits).decide(failure, int(more.pop("attempt", 1)), 0.0, Random(1), **more)


def play(
    limits: Limits, jitter: Random, attempts: Iterable[float], failure: Failure = LOST
) -> tuple[list[float], GiveUp | None, float]:
    """Fail again and again.

    Returns:
        The waits, how it ended, and the moment of the last failure.
    """
    patience, now, waits = Patience(limits), 0.0, []
    for number, seconds in enumerate(attempts, 1):
        now += seconds
        patience.spend(seconds)
        decision = patience.decide(failure, number, now, jitter)
        if isinstance(decision, GiveUp):
            return waits, decision, now
        waits.append(decision.wait)
        now += decision.wait
        patience.spend(decision.wait, bound=decision.wait)
    return waits, None, now


@pytest.mark.parametrize("kind", PERMANENT)
def test_what_cannot_go_away_is_not_waited_for(kind: Kind) -> None:
    """A misspelt index would be asked for two minutes."""
    assert decided(failure=Failure(kind)) == GiveUp("permanent", 0.0)


@pytest.mark.parametrize("kind", TRANSIENT)
def test_what_may_go_away_is_tried_again(kind: Kind) -> None:
    """That is what all of this is for."""
    assert isinstance(decided(failure=Failure(kind)), Retry)


def test_zero_retries_is_one_attempt() -> None:
    """Who asks for no retry wants to know at once."""
    assert decided(Limits(retries=0)) == GiveUp("once", 0.0)


@given(seeds)
def test_the_first_retry_comes_within_half_a_second(jitter: Random) -> None:
    """Most resets are over at once."""
    decision = Patience(LIMITS).decide(LOST, 1, 0.0, jitter)

    assert isinstance(decision, Retry)
    assert 0.0 <= decision.wait <= 0.5


@given(seeds, st.lists(took, max_size=60))
def test_every_wait_is_within_its_bounds(jitter: Random, attempts: list[float]) -> None:
    """A wait beyond the ceiling is a download that seems dead."""
    waits, _, _ = play(LIMITS, jitter, attempts)

    assert all(0.0 <= wait <= LIMITS.longest_wait for wait in waits)
    assert all(b <= max(3 * a, 3 * LIMITS.first_wait) for a, b in zip(waits, waits[1:]))


@given(st.integers(0, 2**32))
def test_two_clients_do_not_come_back_together(seed: int) -> None:
    """A server that comes up again would be knocked over by all at once."""
    attempts = [0.0] * 8

    assert play(LIMITS, Random(seed), attempts)[0] != play(LIMITS, Random(seed + 1), attempts)[0]


@given(seeds, st.floats(0.0, 100.0), st.sampled_from([5.0, 20.0, 150.0]))
def test_patience_is_exceeded_by_no_more_than_the_last_attempt(
    jitter: Random, longest: float, patience: float
) -> None:
    """A dead host would hold up a build for longer than was promised."""
    attempts = [jitter.uniform(0.0, longest) for _ in range(2000)]
    waits, end, now = play(Limits(patience=patience), jitter, attempts)

    assert end is not None
    assert end.why == "patience"
    assert now <= patience + attempts[len(waits)] + 1e-6


@given(seeds, st.floats(0.0, 20.0))
def test_the_last_attempt_comes_when_patience_ends(jitter: Random, each: float) -> None:
    """Otherwise up to a quarter of a minute of patience would be given away."""
    waits, end, now = play(LIMITS, jitter, itertools.repeat(each))

    assert end is not None
    assert len(waits) > 0
    assert now >= LIMITS.patience - 1e-6


@given(seeds, st.integers(1, 20), took)
def test_asked_for_retries_are_a_floor(jitter: Random, retries: int, each: float) -> None:
    """`--retries 10` must never mean fewer than ten."""
    limits = Limits(retries=retries, patience=1.0)
    waits, _, _ = play(limits, jitter, itertools.repeat(each))

    assert len(waits) >= retries


@given(seeds, st.floats(0.0, 1e9), st.sampled_from([60.0, 300.0]))
def test_a_server_cannot_ask_for_more_than_the_cap(
    jitter: Random, asked: float, cap: float
) -> None:
    """A Retry-After of a day would hang pip for a day."""
    limits = Limits(retry_after_cap=cap, patience=10_000.0)
    failure = Failure(Kind.STATUS, status=503, retry_after=asked)
    decision = Patience(limits).decide(failure, 1, 0.0, jitter)

    assert isinstance(decision, Retry)
    assert decision.asked_by_server
    assert min(asked, cap) <= decision.wait <= min(asked, cap) + 1.0


@given(seeds, st.floats(0.0, 200.0), st.lists(took, max_size=50), took)
def test_nothing_begins_after_the_deadline(
    jitter: Random, deadline: float, attempts: list[float], asked: float
) -> None:
    """A CI job would be killed in the midst, without a last line."""
    limits = Limits(deadline_at=deadline)
    failure = Failure(Kind.STATUS, status=503, retry_after=asked or None)
    patience, now = Patience(limits), 0.0
    for number, seconds in enumerate(attempts, 1):
        now += seconds
        decision = patience.decide(failure, number, now, jitter)
        if isinstance(decision, GiveUp):
            assert decision.why == "deadline"
            return
        now += decision.wait

        assert now < deadline


def test_offline_is_known_much_sooner() -> None:
    """Without a network two and a half minutes of waiting help nobody."""
    patience = Patience(LIMITS)
    patience.spend(20.0)

    assert patience.decide(Failure(Kind.UNREACHABLE), 3, 0.0, Random(1)) == GiveUp("patience", 20.0)


def test_a_used_up_host_gets_one_attempt_per_request() -> None:
    """Else a dead host would be waited for once per package."""
    patience = Patience(LIMITS)
    patience.spend(20.0)
    patience.decide(Failure(Kind.UNREACHABLE), 3, 0.0, Random(1))

    assert isinstance(patience.decide(LOST, 1, 0.0, Random(1)), GiveUp)


def test_progress_makes_patience_fresh() -> None:
    """A link that drops every second but always brings bytes must get through."""
    patience = Patience(LIMITS)
    patience.spend(1000.0)
    patience.decide(LOST, 9, 0.0, Random(1))
    patience.progress()

    assert isinstance(patience.decide(LOST, 1, 0.0, Random(1)), Retry)
    assert patience.spent == 0.0


def test_a_few_bytes_now_and_then_use_patience_up() -> None:
    """Four bytes a connection would be progress for ever."""
    patience, decision = Patience(LIMITS), None
    for _ in range(200):
        patience.spend(1.0)
        assert not patience.progress(4)
        decision = patience.decide(LOST, 1, 0.0, Random(1), gained=4)
        if isinstance(decision, GiveUp):
            break

    assert decision == GiveUp("patience", pytest.approx(LIMITS.patience, abs=1.0))


@given(st.lists(st.floats(0.0, 149.0), max_size=9))
def test_bytes_make_up_for_the_time_they_took(gaps: list[float]) -> None:
    """A link of 64 bytes a second is slow, and never given up."""
    patience = Patience(LIMITS)
    for gap in gaps:
        patience.spend(gap)
        assert isinstance(patience.decide(LOST, 1, 0.0, Random(1)), Retry)
        patience.progress(int(gap * STANDSTILL_RATE / 2))
        assert patience.progress(int(gap * STANDSTILL_RATE / 2) + 2)
        assert patience.spent == 0.0


def test_after_progress_the_next_attempt_comes_at_once() -> None:
    """A drop each second would otherwise cost half a second each."""
    decision = decided(gained=5000)

    assert isinstance(decision, Retry)
    assert decision.wait <= LIMITS.resume_wait


@pytest.mark.parametrize(("asleep", "spent"), [(0.0, 8.0), (SLEPT + 0.1, 0.0)])
def test_a_machine_that_slept_starts_afresh(asleep: float, spent: float) -> None:
    """A closed laptop would come back to "patience used up"."""
    patience = Patience(LIMITS)
    patience.spend(5.0)
    patience.spend(3.0 + asleep, bound=3.0)

    assert patience.spent == spent


def test_a_clock_that_goes_back_costs_nothing() -> None:
    """Negative seconds would lengthen patience."""
    patience = Patience(LIMITS)
    patience.spend(5.0)
    patience.spend(-3.0)

    assert patience.spent == 5.0


@given(st.floats(0.0, 150.0), seeds)
def test_what_is_left_is_told_truly(spent: float, jitter: Random) -> None:
    """The line says how long it may still take."""
    patience = Patience(LIMITS)
    patience.spend(spent)
    decision = patience.decide(LOST, 1, 0.0, jitter)
    if isinstance(decision, Retry):
        assert decision.left == pytest.approx(LIMITS.patience - spent - decision.wait)
        assert decision.left >= 0.0


@given(st.floats(0.0, 1000.0), st.integers(0, 1000))
def test_a_stall_is_noticed_within_ten_seconds(gap: float, barren: int) -> None:
    """The end of an outage must be noticed soon, however long it was."""
    assert 2.0 <= stall_after(gap, barren) <= 10.0
    assert stall_after(gap, barren) <= stall_after(gap, barren + 1)


def test_a_slow_link_is_not_taken_for_a_stalled_one() -> None:
    """A second connection on a slow link makes it slower."""
    assert stall_after(0.1, 0) == 2.0
    assert stall_after(1.5, 0) == 6.0


def test_a_crawl_is_less_than_a_kilobyte_a_second() -> None:
    """A byte a minute would be progress for ever."""
    assert is_crawl(150 * 1024 - 1, 150.0)
    assert not is_crawl(150 * 1024, 150.0)


@given(st.floats(1.0, 145.0), st.integers(0, 1000))
def test_the_end_of_an_outage_is_noticed_in_proportion(outage: float, seed: int) -> None:
    """After twenty seconds away a wait of ten would be a third of the whole."""
    patience, jitter, now = Patience(Limits()), Random(seed), 0.0
    while now < outage:
        decision = patience.decide(Failure(Kind.REFUSED), 1, now, jitter)
        assert isinstance(decision, Retry)
        now += decision.wait
        patience.spend(decision.wait)

    assert now - outage <= max(1.5, min(10.0, 0.3 * outage))


@pytest.mark.parametrize(("requests", "most"), [(0, 1), (1, 1), (20, 2), (39, 2), (200, 11)])
def test_second_connections_are_one_and_a_twentieth(requests: int, most: int) -> None:
    """A bad hour of a mirror must not double its load."""
    hedges = Hedges()

    assert [hedges.take(requests) for _ in range(most + 1)] == [True] * most + [False]
