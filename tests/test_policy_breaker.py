"""Is the order of sources right, and the origin never kept waiting?

The properties play a host's whole life: failures, answers, probes that never
end, clocks that are set back, all of it virtual.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.policy.breaker import (
    ANYWHERE,
    CLOSED,
    CONNECTION_CLASS,
    COOL_DOWNS,
    FORGOTTEN,
    HALF_OPEN,
    OPEN,
    PROBE,
    QUARANTINE,
    ROW,
    Health,
    answered,
    as_of,
    failed,
    in_order,
    probing,
    quarantined,
    served_wrong,
    stands,
)
from pip_resilient.policy.failure import Failure, Kind, Whose

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.policy.breaker import State

NOW = 1_800_000_000.0
REFUSED = Failure(Kind.REFUSED)
SOUND = Health()

kinds = st.sampled_from(list(Kind))
counting = st.sampled_from(sorted(CONNECTION_CLASS, key=lambda kind: kind.name))
gaps = st.floats(0.0, 120.0) | st.sampled_from([0.0, 5.0, 10.0, 30.0, 60.0])
moments = st.none() | st.floats(NOW - 2e5, NOW + 2e5) | st.just(math.nan) | st.just(math.inf)
healths = st.builds(
    Health, st.integers(0, 10), moments, moments, st.floats(-10, 1e9), moments, moments
)


def opened(at: float = NOW) -> Health:
    """Return the health of a host that a spare had to stand in for."""
    return failed(SOUND, REFUSED, at, spare_answered=True)


def ordered(now: float, **known: Health) -> list[str]:
    origin, *spares = known
    return in_order(origin, spares, known.__getitem__, now)


def test_a_new_host_is_closed() -> None:
    """Nobody has to prove anything before being asked."""
    assert stands(SOUND, NOW) is CLOSED
    assert ordered(NOW, origin=SOUND, spare=SOUND) == ["origin", "spare"]


@pytest.mark.parametrize(
    ("status", "state"),
    [(403, CLOSED), (404, CLOSED), (410, CLOSED), (429, OPEN), (503, OPEN)],
)
def test_a_refusal_of_one_thing_says_nothing_of_the_others(status: int, state: State) -> None:
    """Mirrors list metadata that they have not got; their wheels are still the nearest."""
    health = failed(SOUND, Failure(Kind.STATUS, status=status), NOW, spare_answered=True)

    assert stands(health, NOW + 1) is state


def test_the_third_failure_in_a_row_opens() -> None:
    """One reset is weather; three are a dead host."""
    health = SOUND
    for number in range(1, ROW + 1):
        health = failed(health, REFUSED, NOW + number)

        assert stands(health, NOW + number) is (OPEN if number == ROW else CLOSED)


def test_an_answer_breaks_the_row() -> None:
    """A link that drops now and then but answers between is not dead."""
    health = SOUND
    for _ in range(ROW * 3):
        health = answered(failed(failed(health, REFUSED, NOW), REFUSED, NOW), NOW)

        assert stands(health, NOW) is CLOSED


@pytest.mark.parametrize("kind", sorted(CONNECTION_CLASS | ANYWHERE, key=lambda kind: kind.name))
def test_one_failure_opens_where_a_spare_answered(kind: Kind) -> None:
    """Silence alone costs seconds each time; the spare's answer shows whose fault it is."""
    assert stands(failed(SOUND, Failure(kind), NOW, spare_answered=True), NOW) is OPEN


@pytest.mark.parametrize("kind", sorted(ANYWHERE, key=lambda kind: kind.name))
def test_a_machine_that_is_offline_blames_nobody(kind: Kind) -> None:
    """A minute without DNS would make a spare the first choice for the next one."""
    health = SOUND
    for _ in range(10):
        health = failed(health, Failure(kind), NOW)

    assert health == SOUND


@given(kinds, st.booleans())
def test_what_stops_every_source_alike_opens_nothing(kind: Kind, spare_answered: bool) -> None:
    """A full disk is not the host's, wrong bytes are for the quarantine."""
    health = SOUND
    for _ in range(ROW):
        health = failed(health, Failure(kind), NOW, spare_answered=spare_answered)
    if kind in {Kind.WRONG_BYTES, Kind.CHANGED, Kind.CA_PATH} or kind.whose is Whose.MACHINE:
        assert health == SOUND
    if kind in CONNECTION_CLASS:
        assert stands(health, NOW) is OPEN


def test_cool_downs_are_30_s_then_60_s() -> None:
    """Longer ones would keep a healed origin out."""
    health, now = opened(), NOW
    for seconds in (30.0, 60.0, 60.0, 60.0):
        assert stands(health, now + seconds - 0.1) is OPEN
        assert stands(health, now + seconds) is HALF_OPEN

        now += seconds
        health = failed(probing(health, now), REFUSED, now + 1.0)


def test_the_first_cool_down_is_30_s_again_after_an_answer() -> None:
    """Success closes it wholly."""
    health = failed(probing(opened(), NOW + 30.0), REFUSED, NOW + 31.0)
    health = answered(health, NOW + 92.0)

    assert health == SOUND
    assert failed(health, REFUSED, NOW + 93.0, spare_answered=True).cool_down == COOL_DOWNS[0]


def test_one_asker_takes_the_probe() -> None:
    """A hundred processes would else fall upon a host that has just got up."""
    now = NOW + 30.0
    health = probing(opened(), now)

    assert stands(health, now + PROBE - 0.1) is OPEN
    assert probing(health, now + 1.0) == health


def test_a_probe_whose_outcome_never_came_is_forgotten() -> None:
    """Its process was killed: the next asker takes another."""
    health = probing(opened(), NOW + 30.0)

    assert stands(health, NOW + 30.0 + PROBE) is HALF_OPEN


def test_a_host_that_is_not_half_open_needs_no_probe() -> None:
    """Nothing is to be written for a healthy host."""
    assert probing(SOUND, NOW) == SOUND
    assert probing(opened(), NOW + 1.0) == opened()


def test_a_slow_probe_does_not_make_the_cool_down_longer() -> None:
    """The host may have healed while it ran."""
    health = probing(opened(), NOW + 30.0)
    health = failed(health, Failure(Kind.CONNECT_TIMEOUT), NOW + 39.9)

    assert stands(health, NOW + 90.0) is HALF_OPEN


def test_a_straggler_does_not_make_the_cool_down_longer() -> None:
    """With no other source attempts go on; each of them would begin it anew."""
    health = opened()
    for second in range(30):
        health = failed(health, REFUSED, NOW + second)

    assert stands(health, NOW + 30.0) is HALF_OPEN


def test_old_failures_make_no_row() -> None:
    """Two resets of last week and one of now are not three in a row."""
    health = failed(failed(SOUND, REFUSED, NOW), REFUSED, NOW)
    health = failed(health, REFUSED, NOW + FORGOTTEN)

    assert stands(health, NOW + FORGOTTEN) is CLOSED


def test_closed_before_half_open_before_open() -> None:
    """Who waits for an answer asks first whoever is likely to give one."""
    late = opened(NOW - 30.0)

    assert ordered(NOW, origin=opened(), b=late, c=SOUND, d=opened(), e=SOUND) == [
        *("c", "e"),
        "b",
        *("origin", "d"),
    ]


def test_a_half_open_origin_is_first() -> None:
    """It is how it becomes the first choice again."""
    assert ordered(NOW, origin=opened(NOW - 30.0), b=SOUND) == ["origin", "b"]


def test_all_open_is_as_good_as_all_closed() -> None:
    """A breaker only changes the order: with nobody better, attempts go on."""
    assert ordered(NOW, origin=opened(), b=opened(), c=opened()) == ["origin", "b", "c"]


def test_a_quarantined_spare_is_left_out_for_a_day() -> None:
    """It served wrong bytes; nothing that it says is worth a look."""
    wrong = served_wrong(SOUND, NOW)

    assert ordered(NOW + QUARANTINE - 1, origin=SOUND, b=wrong, c=SOUND) == ["origin", "c"]
    assert ordered(NOW + QUARANTINE, origin=SOUND, b=wrong) == ["origin", "b"]


def test_a_quarantined_origin_is_asked() -> None:
    """One sick node of it served wrong bytes, and it is still the one that the user chose."""
    assert ordered(NOW, origin=served_wrong(SOUND, NOW), b=SOUND) == ["origin", "b"]


def test_an_answer_does_not_end_the_quarantine() -> None:
    """A hostile mirror answers most requests well."""
    assert quarantined(answered(served_wrong(opened(), NOW), NOW + 1), NOW + 1)


@pytest.mark.parametrize(
    "health",
    [
        Health(3, NOW + 1, NOW + 1, 30.0),
        Health(3, NOW, NOW + 1, 30.0),
        Health(3, NOW, NOW - 40, 30.0, NOW + 1),
        Health(3, math.nan, NOW, 30.0),
        Health(3, NOW, math.nan, 30.0),
        Health(wrong_at=NOW + 1),
    ],
)
def test_what_is_not_past_is_unknown(health: Health) -> None:
    """The clock was set back: for an hour, or for a year, the breaker would stay open."""
    assert as_of(health, NOW) == SOUND


@given(healths, kinds, st.booleans())
def test_any_health_is_understood(health: Health, kind: Kind, spare_answered: bool) -> None:
    """Whatever a file says, nobody is kept out longer than the rule says."""
    after = failed(health, Failure(kind), NOW, spare_answered=spare_answered)

    assert stands(after, NOW + COOL_DOWNS[-1]) is not OPEN
    assert stands(health, NOW) in {CLOSED, OPEN, HALF_OPEN}
    assert not quarantined(after, NOW + QUARANTINE)
    assert answered(health, NOW)._replace(wrong_at=None) == SOUND


@given(st.lists(healths, min_size=1, max_size=6))
def test_every_source_is_asked_once(known: list[Health]) -> None:
    """Nobody but a quarantined spare may be lost, and nobody asked twice."""
    order = in_order(0, range(1, len(known)), known.__getitem__, NOW)
    left_out = {number for number in range(1, len(known)) if quarantined(known[number], NOW)}

    assert sorted(order) == [number for number in range(len(known)) if number not in left_out]


@given(st.lists(healths, max_size=6))
def test_spares_stand_among_themselves_as_beside_a_sound_origin(known: list[Health]) -> None:
    """Where the origin has failed just now, it is not asked, and no place is kept for it."""
    spares = range(len(known))
    alone = in_order(None, spares, known.__getitem__, NOW)

    assert in_order(-1, spares, [*known, SOUND].__getitem__, NOW) == [-1, *alone]


@given(
    st.lists(st.tuples(gaps, counting, st.booleans(), st.floats(0.0, 9.9)), max_size=30),
    st.booleans(),
)
def test_the_origin_is_first_within_65_s_of_its_healing(
    history: list[tuple[float, Kind, bool, float]], probe_is_lost: bool
) -> None:
    """Whatever has happened, an origin that works again is used again."""
    health, now, healed_at = SOUND, NOW, NOW
    for gap, kind, spare_answered, took in history:
        now += gap
        healed_at = now  # a moment after the attempt began
        probe = stands(health, now) is HALF_OPEN
        health = probing(health, now)
        now += took if probe else min(took, 5.0)
        health = failed(health, Failure(kind), now, spare_answered=spare_answered)
    if probe_is_lost:
        health = probing(health, now)
        healed_at = now
    first = next(
        second
        for second in range(200)
        if ordered(healed_at + second, origin=health, b=SOUND)[0] == "origin"
        and healed_at + second >= now
    )

    assert first <= 65
    assert ordered(now + 70, origin=answered(health, now + 70), b=SOUND) == ["origin", "b"]


def asked(health: Health, now: float, alive: Callable[[float], bool]) -> tuple[str, Health]:
    """Ask an origin and a spare that always answers; return who did, and the origin's health."""
    known = {"origin": health, "spare": SOUND}
    if in_order("origin", ["spare"], known.__getitem__, now)[0] == "spare":
        return "spare", health
    if alive(now):
        return "origin", answered(health, now)
    return "spare", failed(probing(health, now), REFUSED, now, spare_answered=True)


@given(st.integers(0, 500), st.integers(1, 20))
def test_a_dead_origin_is_hardly_asked_and_soon_used_again(dead_for: int, every: int) -> None:
    """A hundred packages may not pay a hundred times, nor stay with the spare."""
    health, asks, first_after = SOUND, 0, None
    for second in range(0, dead_for + 200, every):
        now = NOW + second
        before = health
        who, health = asked(health, now, lambda at: at >= NOW + dead_for)
        if second < dead_for:
            asks += health.failures > before.failures
        elif who == "origin" and first_after is None:
            first_after = second - dead_for

    assert asks <= 2 + dead_for / 30
    assert first_after is not None
    assert first_after <= 60 + every
