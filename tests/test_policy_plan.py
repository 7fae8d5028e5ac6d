"""Are the right bytes asked for, soon, once, and of whom it is worth it?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pip_resilient.policy.overtaking import Overtaking
from pip_resilient.policy.patience import SPARE_STALL
from pip_resilient.policy.plan import Action, Drop, Open, Plan, Way
from tests.links import EVER, MB, Host, Network, Outcome, download

END = 100 * MB
FOUR = Way(4)
ONE = Way(1)


def plan_of(*ways: Way, end: int | None = END, allowed: bool = True, **more: object) -> Plan:
    return Plan(list(ways), 0, end, 0.0, hedges=lambda: allowed, **more)  # type: ignore[arg-type]


def flow(
    plan: Plan, speeds: dict[int, float], start: float, end: float, step: float = 0.05
) -> list[tuple[float, Action]]:
    """Let connections bring bytes at these speeds; return what is said, and when."""
    said: list[tuple[float, Action]] = []
    for count in range(1, round((end - start) / step) + 1):
        now = round(start + count * step, 6)
        for number, speed in speeds.items():
            stop, position = plan.stop(number), plan.position(number)
            room = END if stop is None else stop - position
            if room > 0:
                plan.arrived(number, min(int(speed * step), room), now)
        said += [(now, action) for action in plan.decide(now)]
    return said


def opens(said: list[tuple[float, Action]]) -> list[tuple[float, Open]]:
    return [(now, action) for now, action in said if isinstance(action, Open)]


# 1. Hedge on silence.


def test_a_silent_connection_gets_a_second_beside_it() -> None:
    """A stalled connection would cost the read timeout."""
    plan = plan_of(ONE)

    assert plan.decide(1.99) == []
    assert plan.pause(1.99) == pytest.approx(0.01)
    assert plan.decide(2.0) == [Open(1, 0, 0, END, fresh=True, beside=0)]
    assert plan.decide(2.0) == []


def test_each_hedge_in_vain_doubles_the_wait_and_replaces_the_one_before() -> None:
    """A dead server would be asked every two seconds, by more and more connections."""
    plan, said = plan_of(ONE), []
    now = 0.0
    while now < 40.0:
        said += [(round(now, 3), action) for action in plan.decide(now)]
        now += plan.pause(now)

    assert [moment for moment, _ in opens(said)] == [2.0, 6.0, 14.0, 24.0, 34.0]
    assert [action for moment, action in said if moment == 6.0] == [
        Drop(1),
        Open(2, 0, 0, END, fresh=True, beside=0),
    ]


def test_a_body_s_own_rhythm_sets_the_measure() -> None:
    """A slow link is not a stalled one."""
    plan = plan_of(ONE)
    for moment in (1.0, 2.0, 3.5):
        plan.arrived(0, 1000, moment)

    assert plan.decide(9.49) == []
    assert plan.decide(9.5) == [Open(1, 0, 3000, END, fresh=True, beside=0)]


def test_whoever_delivers_first_stays_the_hedge() -> None:
    """The silent one would be read for ever."""
    plan = plan_of(ONE)
    plan.decide(2.0)
    plan.opened(1, 2.1)
    plan.arrived(1, 10, 2.2)

    assert plan.decide(2.2) == [Drop(0)]
    assert (plan.front, plan.received, plan.position(1), plan.stop(1)) == (1, 10, 10, END)


def test_whoever_delivers_first_stays_the_elder() -> None:
    """Two connections would bring the same bytes."""
    plan = plan_of(ONE)
    plan.decide(2.0)
    plan.opened(1, 2.1)
    plan.arrived(0, 10, 2.6)

    assert plan.decide(2.6) == [Drop(1)]
    assert plan.front == 0


def test_without_an_allowance_the_silent_one_is_asked_for_anew() -> None:
    """A run that hedges all it does doubles the load of a server in trouble."""
    plan = plan_of(ONE, allowed=False)
    plan.arrived(0, 500, 0.1)

    assert plan.decide(2.1) == [Drop(0), Open(1, 0, 500, END, fresh=True)]
    assert plan.decide(6.0) == []
    assert plan.decide(6.1) == [Drop(1), Open(2, 0, 500, END, fresh=True)]


def test_without_an_allowance_a_host_that_takes_long_has_its_chance() -> None:
    """One that thinks for 12 s before each answer would never be heard out."""
    outcome = download([Host(per_connection=MB, think=12.0, drop_every=MB)], 3 * MB, 1, hedges=0)

    assert outcome.whole


def test_another_source_is_asked_once_a_hedge_brought_nothing() -> None:
    """A host that is dead is not helped by asking it again."""
    plan, said = plan_of(ONE, ONE), []
    for moment in (2.0, SPARE_STALL):
        said += plan.decide(moment)

    assert [action.source for action in said if isinstance(action, Open)] == [0, 1]


def test_another_source_helps_at_the_front_first() -> None:
    """All are silent: what it brings behind the first gap would be of no use for now."""
    plan = plan_of(Way(4), ONE)
    for count in range(1, 51):
        plan.arrived(0, MB // 10, count / 50)
        plan.decide(count / 50)
    said = []
    for count in range(51, 300):
        said += plan.decide(count / 50)
    helping = [one for one in said if isinstance(one, Open) and one.source == 1]

    assert helping[0].first == plan.received == 5 * MB


@pytest.mark.parametrize("hedges", [0, 1, 100])
def test_a_host_that_dies_costs_five_seconds_with_another_source(hedges: int) -> None:
    """Two seconds for a second look at it, two more until somebody else is asked."""
    allowance, moment, due = [hedges], 0.0, {0: 0.0}

    def hedge() -> bool:
        allowance[0] -= 1
        return allowance[0] >= 0

    plan = Plan([Way(4), ONE], 0, 24 * MB, 0.0, hedges=hedge)
    mirror: set[int] = set()
    while not plan.done and moment < 60.0:
        moment += 0.02
        if moment <= 1.0:
            plan.arrived(0, 160_000, moment)
        for number in mirror & due.keys():
            if moment >= due[number]:
                wanted = (plan.stop(number) or 0) - plan.position(number)
                plan.arrived(number, min(160_000, wanted), moment)
        for action in plan.decide(moment):
            if isinstance(action, Drop):
                due.pop(action.number)
            else:
                due[action.number] = moment + 0.04
                mirror |= {action.number} if action.source else set()

    assert moment <= 3.0 + 5.0


def test_skipping_what_is_known_is_no_silence() -> None:
    """A server that gives the whole again would be asked over and over."""
    plan = plan_of(ONE, received=50 * MB)
    plan.failed(0, 1.0)
    number = plan.continued(1.0)
    for second in range(2, 9):
        plan.arrived(number, 0, float(second))
        assert plan.decide(float(second)) == []

    assert plan.position(number) == 50 * MB


def test_the_time_in_which_nobody_reads_is_nobody_s_silence() -> None:
    """pip writes, hashes, or asks the user; a hedge then would be for nothing."""
    plan = plan_of(ONE)
    plan.arrived(0, 10, 0.1)
    plan.resumed(61.0)

    assert plan.silent(61.0) == pytest.approx(0.0, abs=1e-9)
    assert plan.decide(62.9) == []
    assert plan.decide(63.0) != []


def test_one_of_several_is_silent_though_pip_reads_all_the_time() -> None:
    """Each of pip's reads would be taken for the end of its silence."""
    plan = plan_of(FOUR, widest=2)
    flow(plan, {0: MB}, 0.0, 0.2)
    plan.opened(1, 0.2)
    plan.arrived(1, 10, 0.2)
    said = []
    for tick in range(5, 60):
        plan.resumed(tick / 20 - 0.04)
        plan.arrived(0, 50_000, tick / 20)
        said += [(tick / 20, action) for action in plan.decide(tick / 20)]

    beside = [(moment, action.beside) for moment, action in opens(said)]
    hedges = [one for one in beside if one[1] is not None]
    assert hedges == [(2.7, 1)]  # a fifth of the time, pip is elsewhere


# 2. and 3. Growth, and back.


def test_a_link_throttled_per_connection_gets_one_two_four() -> None:
    """It is four times as fast that way."""
    network = Network([Host(per_connection=2 * MB, round_trip=0.03)], 200 * MB)
    network.run(2.0)
    began = [round(now, 1) for now, action in network.outcome.actions if isinstance(action, Open)]

    assert began[:3] == [0.3, 0.6, 0.6]
    assert network.plan.widest == 4


@pytest.mark.parametrize("round_trip", [0.0, 0.03, 0.1])
@pytest.mark.parametrize(("size", "most"), [(24 * MB, 4.0), (200 * MB, 28.5)])
def test_four_connections_take_a_quarter_of_the_time(
    size: int, most: float, round_trip: float
) -> None:
    """One takes 12 s and 100 s."""
    outcome = download([Host(per_connection=2 * MB, round_trip=round_trip)], size)

    assert outcome.whole
    assert outcome.took <= most
    assert outcome.most == {0: 4}
    assert outcome.transferred <= 1.002 * size


@pytest.mark.parametrize("burst", [0.0, 0.1])
@pytest.mark.parametrize("slow_start", [False, True])
@pytest.mark.parametrize("round_trip", [0.0, 0.03, 0.1])
@pytest.mark.parametrize("size", [24 * MB, 40 * MB, 200 * MB])
def test_a_link_that_is_full_is_never_slower_than_with_one(
    size: int, round_trip: float, slow_start: bool, burst: float
) -> None:
    """Most links are like that, and trying must cost next to nothing."""

    def link() -> list[Host]:
        return [Host(cap=10 * MB, round_trip=round_trip, slow_start=slow_start, burst=burst)]

    outcome, single = download(link(), size), download(link(), size, 1)

    assert outcome.took <= 1.03 * single.took
    assert outcome.most[0] <= 2
    assert outcome.opened <= 4


@pytest.mark.parametrize("burst", [0.1, 0.25])
@pytest.mark.parametrize("slow_start", [False, True])
def test_pieces_that_come_in_bursts_are_measured_well(burst: float, slow_start: bool) -> None:
    """Between two bursts everything stands still, within one all is fast."""
    host = Host(per_connection=2 * MB, round_trip=0.05, burst=burst, slow_start=slow_start)
    outcome = download([host], 100 * MB)

    assert outcome.plan is not None
    assert outcome.plan.widest == 4
    assert outcome.took <= 100 / 8 * 1.25


def test_what_has_proven_worth_it_is_opened_at_once() -> None:
    """A hundred wheels from one host would each find it out anew."""
    said = flow(plan_of(FOUR, widest=4), {0: 2 * MB}, 0.0, 0.3)

    assert [(now, action.number) for now, action in opens(said)] == [(0.1, 1), (0.1, 2), (0.1, 3)]


def test_what_is_over_soon_gets_no_second_connection() -> None:
    """It would be opened for nothing."""
    assert download([Host(per_connection=10 * MB)], 20 * MB).opened == 1


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_host_that_refuses_is_left_in_peace(most: int) -> None:
    """It would be asked for a connection too many over and over."""
    host = Host(per_connection=2 * MB, at_most=most, lingering=1, round_trip=0.03)
    outcome = download([host], 60 * MB)
    refused = outcome.cut

    assert outcome.whole
    assert refused <= 2
    assert outcome.plan is not None
    assert outcome.plan.widest <= most + 1
    assert outcome.took <= 60 / 2 / most * 1.15


def test_one_that_keeps_failing_beside_others_is_one_too_many() -> None:
    """A firewall that cuts every third connection would be run against for ever."""
    plan = plan_of(FOUR, widest=2)
    said = flow(plan, {0: MB}, 0.0, 0.2)
    plan.failed(1, 0.25)
    said += flow(plan, {0: MB}, 0.2, 0.9)
    plan.failed(2, 0.95)
    said += flow(plan, {0: MB}, 0.9, 9.0)

    assert [(now, action.number) for now, action in opens(said)] == [(0.1, 1), (0.75, 2)]
    assert plan.widest == 1


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_host_that_keeps_further_ones_waiting_has_those_that_it_serves(most: int) -> None:
    """Those go on through what the others were asked for; nobody waits for these."""
    host = Host(per_connection=2 * MB, round_trip=0.03, serves=most)
    outcome = download([host], 30 * MB)

    assert outcome.whole
    assert outcome.took <= 30 / 2 / most * 1.6
    assert outcome.opened <= 20
    assert outcome.wasted <= 0.01 * 30 * MB


def test_one_that_opens_slowly_is_no_refusal() -> None:
    """A second of thinking is usual where a file is fetched from afar first."""
    host = Host(per_connection=2 * MB, round_trip=0.1, think=1.5)
    outcome = download([host], 60 * MB)

    assert outcome.whole
    assert outcome.took <= 0.6 * 30


def test_a_host_that_punishes_more_connections_gets_fewer() -> None:
    """Two that bring less than half of what one brought are worse than one."""
    plan = plan_of(FOUR)
    said = flow(plan, {0: MB}, 0.0, 0.4)
    plan.opened(1, 0.45)
    said += flow(plan, {0: MB, 1: MB}, 0.45, 0.6)
    said += flow(plan, {0: MB / 5, 1: MB / 5}, 0.6, 6.0)

    assert opens(said)[0][1].number == 1
    assert any(isinstance(action, Drop) and now < 6.0 for now, action in said)


# 4. Pieces.


def test_what_is_known_is_never_asked_for_again() -> None:
    """A killed run's partial would be fetched for nothing."""
    plan = plan_of(ONE, received=5 * MB, have=[(10 * MB, 90 * MB)])

    assert (plan.received, plan.position(0), plan.stop(0)) == (5 * MB, 5 * MB, 10 * MB)
    plan.arrived(0, 5 * MB, 0.5)
    assert plan.received == 90 * MB
    assert plan.decide(0.5) == [Drop(0), Open(1, 0, 90 * MB, END, fresh=False)]


def test_a_stop_is_lowered_by_another_s_bytes_and_raised_again_when_they_are_free() -> None:
    """Connection 0's answer goes on to the end: whatever nobody brings, it does."""
    plan = plan_of(FOUR)
    said = flow(plan, {0: 2 * MB}, 0.0, 0.4)
    first = opens(said)[0][1].first

    assert plan.position(0) < first < 8 * MB
    assert plan.stop(0) == END
    plan.arrived(1, 1, 0.4)
    assert plan.stop(0) == first
    plan.failed(1, 0.5, refused=True)
    assert plan.stop(0) == first, "that byte is known"
    assert opens(flow(plan, {0: 2 * MB}, 0.5, 5.0)) != []
    assert opens(flow(plan, {0: 2 * MB}, 0.5, 5.0)) == []


@pytest.mark.parametrize("size", [24 * MB, 200 * MB])
@pytest.mark.parametrize("round_trip", [0.0, 0.03, 0.1])
def test_a_run_killed_at_60_percent_has_its_beginning(size: int, round_trip: float) -> None:
    """What is behind a gap is worth less: pip's bar stands, a broken disk file loses it."""
    host = Host(per_connection=2 * MB, round_trip=round_trip)
    outcome = download([host], size, stop_at=0.6)
    plan = outcome.plan

    assert plan is not None
    beyond = sum(end - first for first, end in plan.beyond)
    assert plan.received + beyond == sum(end - first for first, end in outcome.came)
    assert plan.received + beyond == pytest.approx(0.6 * size, rel=0.01)
    assert plan.received >= 0.3 * size


# 5. End game.


def test_an_idle_connection_takes_over_what_a_slow_one_would_take_long_for() -> None:
    """The last piece on the slowest connection would decide the time of the file."""
    plan = plan_of(FOUR, end=24 * MB, widest=2)
    said = flow(plan, {0: 2 * MB}, 0.0, 0.2)
    plan.opened(1, 0.25)
    speeds, now = {0: 2 * MB, 1: MB / 10}, 0.25
    while not plan.done and now < 60.0:
        said = flow(plan, speeds, now, now + 0.25)
        now += 0.25
        for _, taker in opens(said):
            plan.opened(taker.number, now)
            speeds[taker.number] = 2 * MB

    assert plan.done
    assert now < 1.2 * 24 / 2


# 6. Another source.


def test_a_named_mirror_helps_a_slow_origin_out() -> None:
    """At 20 KB/s 24 MB would take 20 minutes."""
    for origin in (Host(cap=20_000), Host(per_connection=20_000)):
        mirror = Host(per_connection=20 * MB, round_trip=0.05, slow_start=True)
        outcome = download([origin, mirror], 24 * MB)

        assert outcome.whole
        assert outcome.took <= 10.0
        assert outcome.most[1] == 1


def test_a_mirror_that_is_hardly_faster_is_let_go_for_good() -> None:
    """Nobody wins by it, and it costs somebody else's bandwidth."""
    outcome = download([Host(cap=100_000), Host(cap=120_000)], 6 * MB, 1)
    mirror = [(now, action) for now, action in opens(outcome.actions) if action.source == 1]
    dropped = {action.number: now for now, action in outcome.actions if isinstance(action, Drop)}

    assert len(mirror) == 1
    assert mirror[0][0] == pytest.approx(3.0, abs=0.2)
    assert dropped[mirror[0][1].number] - mirror[0][0] == pytest.approx(5.0, abs=0.2)


def test_a_mirror_is_not_asked_where_the_origin_does_well() -> None:
    """Mirrors are for trouble."""
    assert download([Host(cap=2 * MB), Host(cap=20 * MB)], 40 * MB).most[1] == 0


# 7. Failure.


def test_a_gap_is_filled_at_once_while_others_are_alive() -> None:
    """pip waits for the first missing byte."""
    plan = plan_of(Way(2), widest=2)
    flow(plan, {0: MB}, 0.0, 0.2)
    plan.opened(1, 0.2)
    flow(plan, {0: MB, 1: MB}, 0.2, 0.5)
    gap, until = plan.position(0), plan.beyond[0][0]
    plan.failed(0, 0.55)

    assert plan.front is None
    assert plan.decide(0.55) == [Open(2, 0, gap, until, fresh=True)]


def test_one_that_brought_nothing_is_opened_again_after_a_wait_that_doubles() -> None:
    """A server that just restarts would be hammered."""
    plan = plan_of(FOUR, widest=3)
    flow(plan, {0: MB}, 0.0, 0.1)
    plan.failed(1, 0.2)
    said = flow(plan, {0: MB}, 0.2, 1.0)

    assert [now for now, _ in opens(said)] == [0.7]


def test_where_nothing_is_alive_nothing_is_opened() -> None:
    """Patience and backoff are somebody else's."""
    plan = plan_of(FOUR)
    plan.arrived(0, 100, 0.1)
    plan.failed(0, 0.2)

    assert not plan.alive
    assert plan.decide(5.0) == []
    assert plan.continued(6.0) == 1
    assert (plan.position(1), plan.stop(1), plan.front) == (100, END, 1)


def test_a_hedge_takes_the_place_of_one_that_breaks() -> None:
    """It is there; another attempt would wait."""
    plan = plan_of(ONE)
    plan.decide(2.0)
    plan.opened(1, 2.1)
    plan.failed(0, 2.2)

    assert plan.front == 1
    assert plan.decide(2.2) == []


def test_a_hedge_that_is_not_open_goes_with_its_elder() -> None:
    """Patience opens the next one, and there would be two."""
    plan = plan_of(ONE)
    plan.decide(2.0)
    plan.failed(0, 2.2)

    assert plan.decide(2.2) == [Drop(1)]
    assert not plan.alive


def test_nothing_is_said_of_one_that_is_gone() -> None:
    """The driver would close what it has closed."""
    plan = plan_of(ONE)
    plan.decide(2.0)
    plan.opened(1, 2.1)
    plan.arrived(1, 10, 2.2)
    plan.failed(0, 2.2)
    plan.arrived(0, 10, 2.3)

    assert plan.decide(2.3) == []
    assert plan.received == 10


def test_a_source_that_is_gone_is_left_at_once() -> None:
    """Its bytes are wrong, or it has none."""
    plan = plan_of(FOUR, widest=2)
    flow(plan, {0: MB}, 0.0, 0.2)
    plan.gone(0, 0.3)

    assert plan.decide(0.3) == [Drop(0), Drop(1)]
    assert not plan.alive


@pytest.mark.parametrize("round_trip", [0.0, 0.03])
def test_drops_cost_little(round_trip: float) -> None:
    """A quarter over the ideal time is what the budget allows."""
    host = Host(cap=4 * MB, drop_every=2 * MB, round_trip=round_trip)
    outcome = download([host], 24 * MB)

    assert outcome.whole
    assert outcome.took <= 1.25 * 6.0


# 8. Size unknown, or no ranges.


def test_of_unknown_size_there_is_one_connection_and_its_hedge() -> None:
    """Nobody knows where a second could begin."""
    plan = plan_of(FOUR, end=None, widest=4)
    said = flow(plan, {0: MB}, 0.0, 5.0)

    assert said == []
    assert plan.stop(0) is None
    assert plan.decide(7.0) == [Open(1, 0, 5 * MB, None, fresh=True, beside=0)]


def test_a_source_without_ranges_gets_no_second_connection() -> None:
    """It would send its whole to each of them."""
    outcome = download([Host(per_connection=2 * MB, ranges=False)], 24 * MB)

    assert outcome.whole
    assert outcome.opened <= 2
    assert outcome.took == pytest.approx(12.0, abs=0.1)


def test_the_whole_again_is_read_through_what_is_known() -> None:
    """Its connection would be dropped at the first known byte, and asked for the whole again."""
    plan = plan_of(Way(4, ranges=False), received=MB, have=[(5 * MB, 9 * MB)])
    plan.arrived(0, 4 * MB, 1.0)

    assert (plan.received, plan.position(0), plan.stop(0)) == (9 * MB, 9 * MB, END)
    assert plan.decide(1.0) == []


def test_a_whole_answer_for_a_part_says_that_there_are_no_ranges() -> None:
    """Its connection would be dropped at the first known byte, and asked for the whole again."""
    plan = plan_of(FOUR, received=MB, have=[(5 * MB, 9 * MB)])
    plan.decide(2.0)
    plan.opened(1, 2.1, 0)
    plan.arrived(1, 4 * MB, 2.2)

    assert plan.decide(2.2) == [Drop(0)]
    assert (plan.received, plan.position(1), plan.stop(1)) == (9 * MB, 9 * MB, END)


# All of it, on networks of every kind.


@st.composite
def hosts(draw: st.DrawFn, first: bool) -> Host:
    speed = st.sampled_from([20_000.0, 200_000.0, 2e6, 20e6])
    dead_from = draw(st.sampled_from([EVER, EVER, 0.5, 3.0]))
    lasts = [1.0, 20.0, 60.0] if first else [1.0, 20.0, EVER]
    return Host(
        per_connection=draw(speed),
        cap=draw(st.sampled_from([EVER, 50_000.0, 1e6, 10e6])),
        round_trip=draw(st.sampled_from([0.0, 0.03, 0.1, 0.3])),
        think=draw(st.sampled_from([0.0, 0.0, 1.0, 3.0])),
        slow_start=draw(st.booleans()),
        burst=draw(st.sampled_from([0.0, 0.1, 1.0])),
        drop_every=draw(st.sampled_from([None, None, 100_000, MB])),
        silent_after=draw(st.sampled_from([0, 50_000, MB])),
        silent_for=draw(st.sampled_from([1.0, 5.0, 20.0, EVER])),
        silences=draw(st.sampled_from([0, 0, 1, 3, 8])),
        at_most=draw(st.sampled_from([1000, 1, 2, 3])),
        dead_from=dead_from,
        dead_until=dead_from + draw(st.sampled_from(lasts)),
        ranges=draw(st.sampled_from([True, True, True, False])) if first else True,
        lingering=1,
    )


@st.composite
def networks(draw: st.DrawFn) -> dict[str, object]:
    return {
        "hosts": [draw(hosts(True)), *draw(st.lists(hosts(False), max_size=2))],
        "size": draw(st.sampled_from([1, 50_000, MB, 3 * MB, 10 * MB])),
        "connections": draw(st.sampled_from([1, 2, 4, 8])),
        "hedges": draw(st.sampled_from([0, 1, 3, 1000])),
        "widest": draw(st.sampled_from([1, 1, 2, 4])),
        "step": 0.05,
    }


def copies(network: dict[str, object]) -> Network:
    hosts_of = network["hosts"]
    assert isinstance(hosts_of, list)
    return Network(**{**network, "hosts": [Host(**vars(host)) for host in hosts_of]})  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(networks())
def test_any_network_gives_the_right_bytes_or_a_clean_end(network: dict[str, object]) -> None:
    """Each byte once, never more connections than allowed, on whatever link."""
    run = copies(network)
    outcome = run.run()

    assert_bytes(run, outcome)
    # Whoever sends ranges, and lives, is heard out.
    assert outcome.whole or not run.hosts[0].ranges
    # Twice as many as pieces, breaks, silences and trials explain.
    assert outcome.opened <= 60 + 4 * outcome.cut + run.size // 50_000 + outcome.hedges * 2
    for source, most in outcome.most.items():
        assert most <= (network["connections"] if source == 0 else 1)


def assert_bytes(run: Network, outcome: Outcome) -> None:
    """Every byte came once, and next to nothing was sent in vain."""
    came = sum(end - first for first, end in outcome.came)
    beyond = sum(end - first for first, end in run.plan.beyond)
    assert came == run.plan.received + beyond
    position = 0
    for first, end in sorted(outcome.came):
        assert first == position or position < first <= run.size
        assert first == position or not outcome.whole
        position = end
    assert position == run.size or not outcome.whole
    assert outcome.transferred == came + outcome.wasted
    if run.hosts[0].ranges:
        # What was on its way when its connection met another one's bytes.
        burst = max(min(one.per_connection, one.cap) * max(one.burst, 0.05) for one in run.hosts)
        assert outcome.wasted <= 2 * burst * outcome.opened


@settings(max_examples=30, deadline=None)
@given(networks())
def test_the_same_network_gives_the_same_plan(network: dict[str, object]) -> None:
    """A bug that comes and goes could not be found."""
    assert copies(network).run().actions == copies(network).run().actions


@settings(max_examples=60, deadline=None)
@given(networks(), st.floats(0.05, 0.95))
def test_a_partial_is_all_that_the_next_run_need_not_fetch(
    network: dict[str, object], stop_at: float
) -> None:
    """Killed anywhere, the second run brings exactly what is missing."""
    killed = copies({**network, "stop_at": stop_at})
    killed.run()
    known = ((0, killed.plan.received), *killed.plan.beyond)
    again = copies({**network, "have": tuple(one for one in known if one[0] < one[1])})
    outcome = again.run()
    came = sum(end - first for first, end in outcome.came)

    assert came == sum(
        end - first for first, end in [(0, again.plan.received), *again.plan.beyond]
    ) - sum(end - first for first, end in known)


def test_somebody_else_is_found_where_those_who_were_named_do_not_help() -> None:
    """They have had twice the time, or they are of no use."""
    alone, dead, useless = plan_of(ONE), plan_of(ONE, ONE), plan_of(ONE, ONE)
    useless.gone(1, 1.0)

    assert not alone.helped(0.0)
    assert dead.helped(2 * SPARE_STALL - 0.1)
    assert not dead.helped(2 * SPARE_STALL)
    assert not useless.helped(1.0)


def test_after_three_other_sources_nobody_else_is_tried() -> None:
    """Each of them was better, and then of no use."""
    others = Overtaking(0.0)
    for source in (1, 2, 3):
        assert others.is_due(10.0, 100.0, 0)
        others.try_out(source, 10.0)
        assert others.judge(11.0, 2000.0, 10.5, 1000.0)
        others.left(source)

    assert not others.is_due(10.0, 100.0, 0)
