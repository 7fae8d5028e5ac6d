"""What do the mirrors get to bear when 100 000 clients lose their origin at once?

The rule: virtual time, one process, no socket. Every client decides by the real
policy code (`policy.breaker`, `policy.patience`) and keeps to the conduct promised
to public mirrors: an order of its own, one connection, Retry-After honoured. Beside
it stands a herd that does none of this. A mirror serves as many requests a second
as its capacity says and answers 503 with a Retry-After to the rest.

The capacities are assumptions: no operator publishes any. What counts is how the
peaks compare with each other and with the capacity.
"""

from __future__ import annotations

import argparse
import heapq
import math
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Callable, NamedTuple, Union

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measuring import header, progress
from pip_resilient.mirrors.group import spread
from pip_resilient.mirrors.presets import PRESETS
from pip_resilient.policy import breaker
from pip_resilient.policy.breaker import Health
from pip_resilient.policy.failover import FIRST_WAIT
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.patience import GiveUp, Limits, Patience

if TYPE_CHECKING:
    from collections.abc import Sequence

START = 1_800_000_000.0
ROUND_TRIP = 0.1
WINDOW = 0.1
"""Seconds over which a mirror's capacity is counted."""


class Mirror(NamedTuple):
    """A source: its id, the group that fails with it, requests per second."""

    id: str
    group: str
    capacity: int


ORIGIN = Mirror("origin", "origin", 0)
BUILTIN = [preset for preset in PRESETS if preset.builtin]
MIRRORS = [Mirror(preset.name, preset.group, 500 * preset.weight) for preset in BUILTIN]

REFUSED = Failure(Kind.REFUSED)


def order_of(mirrors: Sequence[Mirror], chance: Random) -> list[Mirror]:
    """Draw one user's order, as the plugin does."""
    by_name = {one.id: one for one in mirrors}
    return [by_name[preset.name] for preset in spread(BUILTIN, chance) if preset.name in by_name]


class World:
    """Origin and mirrors: who has asked them, and what they said."""

    def __init__(self, mirrors: Sequence[Mirror], heals_at: float, retry_after: float) -> None:
        self.mirrors = mirrors
        self._heals_at = heals_at
        self._busy = Failure(Kind.STATUS, status=503, retry_after=retry_after)
        self._window: Counter[tuple[str, int]] = Counter()
        self.asked: dict[str, Counter[int]] = defaultdict(Counter)
        self.served: Counter[str] = Counter()

    def ask(self, source: Mirror, now: float) -> Failure | None:
        """Ask a source; None if it serves."""
        self.asked[source.id][int(now)] += 1
        if source is ORIGIN:
            if now < self._heals_at:
                return REFUSED
        else:
            window = (source.id, int(now / WINDOW))
            self._window[window] += 1
            if self._window[window] > source.capacity * WINDOW:
                return self._busy
        self.served[source.id] += 1
        return None


@dataclass
class Careful:
    """A client of ours: what it knows of its sources."""

    order: list[Mirror]
    left: int
    health: dict[str, Health] = field(default_factory=dict)
    patience: dict[str, Patience] = field(default_factory=dict)
    not_before: dict[str, float] = field(default_factory=dict)
    busy: int = 0
    no_mirror_before: float = 0.0

    def health_of(self, source: Mirror) -> Health:
        """Return what is known of the group of a source."""
        return self.health.get(source.group, _SOUND)

    def next_source(self, now: float) -> Mirror | None:
        """Return whom to ask now, or None where everybody asked for a wait."""
        origin, *mirrors = self.order
        for source in breaker.in_order(origin, mirrors, self.health_of, START + now):
            if self.ready_at(source) <= now:
                return source
        return None

    def ready_at(self, source: Mirror) -> float:
        """Return the moment before which a source is not to be asked."""
        own = self.not_before.get(source.id, 0.0)
        return own if source is ORIGIN else max(own, self.no_mirror_before)


_SOUND = Health()
Stepped = Union[float, None]


class CarefulHerd:
    """Clients that decide as pip-resilient does."""

    def __init__(
        self, mirrors: Sequence[Mirror], files: int, spread: float, asks: int, chance: Random
    ) -> None:
        self._mirrors = mirrors
        self._files = files
        self._spread = spread
        self._asks = asks
        self._chance = chance
        self._limits = Limits()

    def client(self) -> Careful:
        """Return a client that has yet to notice anything."""
        return Careful([ORIGIN, *order_of(self._mirrors, self._chance)], self._files)

    def step(self, client: Careful, world: World, now: float) -> Stepped:
        """Let a client do its next thing; return when it does the one after, None if it gave up."""
        source = client.next_source(now)
        if source is None:
            soonest = min(client.ready_at(one) for one in client.order)
            return soonest if soonest < math.inf else None
        client.health[source.group] = breaker.probing(client.health_of(source), START + now)
        failure = world.ask(source, now)
        if failure is not None:
            return self._failed(client, source, failure, now)
        self._answered(client, source, now)
        return now + ROUND_TRIP + self._chance.uniform(0.2, 2.0)

    def _answered(self, client: Careful, source: Mirror, now: float) -> None:
        client.left -= 1
        client.busy = 0
        client.health[source.group] = breaker.answered(client.health_of(source), START + now)
        if source.id in client.patience:
            client.patience[source.id].progress()
        origin = client.health_of(ORIGIN)
        if source is not ORIGIN and origin.failures:
            client.health["origin"] = breaker.failed(
                origin, REFUSED, START + now, spare_answered=True
            )

    def _failed(self, client: Careful, source: Mirror, failure: Failure, now: float) -> float:
        first = source is ORIGIN and source.id not in client.patience
        patience = client.patience.setdefault(source.id, Patience(self._limits))
        patience.spend(ROUND_TRIP)
        decision = patience.decide(failure, 1, now, self._chance)
        client.health[source.group] = breaker.failed(client.health_of(source), failure, START + now)
        if isinstance(decision, GiveUp):
            client.not_before[source.id] = math.inf
        else:
            patience.spend(decision.wait)
            client.not_before[source.id] = now + ROUND_TRIP + decision.wait
            if source is not ORIGIN:
                client.busy += 1
                if client.busy % self._asks == 0:  # it is not this mirror alone that is busy
                    client.no_mirror_before = client.not_before[source.id]
        return now + ROUND_TRIP + (self._chance.uniform(0.0, self._spread) if first else 0.0)


@dataclass
class Naive:
    """A client that goes down a fixed list."""

    left: int
    place: int = 0
    attempt: int = 0


class NaiveHerd:
    """Clients with the same list, which ask again at once and know no jitter."""

    ATTEMPTS = 5

    def __init__(self, mirrors: Sequence[Mirror], files: int) -> None:
        self._order = [ORIGIN, *mirrors]
        self._files = files

    def client(self) -> Naive:
        """Return a client that has yet to notice anything."""
        return Naive(self._files)

    def step(self, client: Naive, world: World, now: float) -> Stepped:
        """As `CarefulHerd.step`."""
        if client.place == len(self._order):
            return None
        if world.ask(self._order[client.place], now) is None:
            client.left -= 1
            client.place = client.attempt = 0
            return now + 1.2
        client.attempt += 1
        if client.attempt == self.ATTEMPTS:
            client.place, client.attempt = client.place + 1, 0
        return now + ROUND_TRIP


@dataclass(frozen=True)
class Outcome:
    """What came of a herd: when each client was done, and how many gave up."""

    done: list[float]
    gave_up: int
    world: World


def play(
    herd: CarefulHerd | NaiveHerd, world: World, clients: int, within: float, chance: Random
) -> Outcome:
    """Let all clients meet the dead origin within so many seconds, and follow each to its end."""
    step: Callable[..., Stepped] = herd.step
    waiting = [(chance.uniform(0.0, within), number, herd.client()) for number in range(clients)]
    heapq.heapify(waiting)
    done: list[float] = []
    gave_up = 0
    while waiting:
        now, number, client = waiting[0]
        after = step(client, world, now) if client.left else None
        if after is not None:
            heapq.heapreplace(waiting, (after, number, client))
            continue
        heapq.heappop(waiting)
        if client.left:
            gave_up += 1
        else:
            done.append(now)
        if not (len(done) + gave_up) % 1000:
            progress(len(done) + gave_up, clients, "clients")
    return Outcome(done, gave_up, world)


def report(name: str, outcome: Outcome, ideal: float) -> None:
    """Print one herd's table."""
    world, done = outcome.world, outcome.done
    print(f"\n{name}")
    if done:
        print(
            f"  served {len(done)}, gave up {outcome.gave_up}; half done after "
            f"{median(done):.0f} s, all after {max(done):.0f} s ({ideal:.0f} s at full capacity)"
        )
    else:
        print(f"  nobody was served, {outcome.gave_up} gave up")
    print(
        f"  {'source':12}{'peak/s':>9}{'capacity':>10}{'peak ÷ it':>11}{'asked':>10}{'served':>9}"
    )
    for source in (ORIGIN, *world.mirrors):
        asked = world.asked[source.id]
        peak = max(asked.values(), default=0)
        over = f"{peak / source.capacity:.1f}" if source.capacity else ""
        print(
            f"  {source.id:12}{peak:9}{source.capacity or '':>10}{over:>11}"
            f"{sum(asked.values()):10}{world.served[source.id]:9}"
        )
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for source in world.mirrors:
        groups[source.group].update(world.asked[source.id])
    peaks = ", ".join(f"{group} {max(c.values(), default=0)}" for group, c in groups.items())
    print(f"  peak requests per second by dependency group: {peaks}")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=3, help="files that each client still needs")
    parser.add_argument("--within", type=float, default=1.0, help="seconds in which all notice")
    parser.add_argument(
        "--spread",
        type=float,
        nargs="*",
        default=[0.0, FIRST_WAIT, 10.0],
        help="random seconds before a client's first mirror, one herd each",
    )
    parser.add_argument(
        "--asks",
        type=int,
        nargs="*",
        default=[1, 1, 1],
        help="so many busy mirrors in a row, then a wait; as many as --spread",
    )
    parser.add_argument("--heals", type=float, default=math.inf, help="when the origin is back")
    parser.add_argument("--retry-after", type=float, default=10.0, help="what busy mirrors say")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if len(options.spread) != len(options.asks):
        parser.error("as many --asks as --spread: one of each is a herd")
    return options


def main() -> int:
    """Play every herd and print its table; return 1 if a client of ours gave up."""
    options = arguments()
    mirrors = MIRRORS
    print(header(f"Herd: {options.clients} clients, {options.files} files each, origin dead"))
    ideal = options.clients * options.files / sum(one.capacity for one in mirrors)
    herds: list[tuple[str, CarefulHerd | NaiveHerd]] = [
        ("naive: one order for all, 5 attempts at once each", NaiveHerd(mirrors, options.files))
    ]
    for first, asks in zip(options.spread, options.asks):
        herd = CarefulHerd(mirrors, options.files, first, asks, Random(options.seed))
        name = (
            f"pip-resilient: first mirror after 0 … {first:g} s, {asks} busy in a row, then a wait"
        )
        herds.append((name, herd))
    gave_up = 0
    for name, herd in herds:
        began = time.perf_counter()
        world = World(mirrors, options.heals, options.retry_after)
        outcome = play(herd, world, options.clients, options.within, Random(options.seed))
        report(name, outcome, ideal)
        print(f"  (simulated in {time.perf_counter() - began:.0f} s)")
        if isinstance(herd, CarefulHerd):
            gave_up += outcome.gave_up
    return 1 if gave_up else 0


if __name__ == "__main__":
    sys.exit(main())
