"""Links in virtual time, and a driver that does what a plan says.

Time goes in small steps; in each, the bytes that a host can send are shared
fairly by the connections that it sends on. Nothing is drawn at random here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pip_resilient.policy.plan import Action, Open, Plan, Way

MIB = 2**20
MB = 1_000_000
FIRST_WINDOW = 15_000
"""Bytes that a new connection sends in its first round trip."""
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
EVER = float("inf")


@dataclass
class Host:
    """One host: what it sends, and what is wrong with it. Bytes, seconds, bytes per second."""

    per_connection: float = EVER
    cap: float = EVER
    round_trip: float = 0.0
    think: float = 0.0
    slow_start: bool = False
    burst: float = 0.0
    drop_every: int | None = None
    silent_after: int | None = None
    silent_for: float = EVER
    silences: int = 0
    at_most: int = 1000
    serves: int = 1000
    dead_from: float = EVER
    dead_until: float = EVER
    ranges: bool = True
    lingering: int = 0

    def is_dead(self, now: float) -> bool:
        return self.dead_from <= now < self.dead_until


@dataclass
class Link:
    """One connection to a host, and the answer that it gives."""

    number: int
    source: int
    position: int
    end: int
    ready_at: float
    fails: bool
    since: float
    window_from: float
    opened: bool = False
    sent: int = 0
    held: float = 0.0
    release_at: float = 0.0
    silent_until: float = 0.0
    heard_at: float = 0.0


@dataclass
class Outcome:
    """What a download came to.

    Attributes:
        took: Seconds.
        whole: Whether every byte came.
        transferred: Bytes that left the hosts, wanted or not.
        wasted: Those of them that were not wanted.
        cut: Connections that broke or were refused.
        hedges: Connections opened beside silent ones.
        opened: All connections.
        actions: What the plan said, and when.
        came: What was handed to the plan, as stretches.
        most: The most connections at once to each source, hedges aside.
    """

    took: float = 0.0
    whole: bool = False
    transferred: int = 0
    wasted: int = 0
    cut: int = 0
    hedges: int = 0
    opened: int = 0
    actions: list[tuple[float, Action]] = field(default_factory=list)
    came: list[tuple[int, int]] = field(default_factory=list)
    most: dict[int, int] = field(default_factory=dict)
    plan: Plan | None = None


class Network:
    """Hosts, and one download from them.

    Args:
        hosts: The sources, the first being the one that pip asked.
        size: Length of the file.
        connections: The most connections to the first one.
        step: Seconds of one step.
    """

    def __init__(
        self,
        hosts: list[Host],
        size: int,
        connections: int = 4,
        step: float = 0.01,
        patience: float = 120.0,
        stop_at: float = 1.0,
        hedges: int = 1000,
        widest: int = 1,
        have: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.hosts, self.size, self.step, self.patience = hosts, size, step, patience
        self.stop_at = stop_at
        self.allowance = hedges
        ways = [Way(connections if at == 0 else 1, host.ranges) for at, host in enumerate(hosts)]
        if not hosts[0].ranges:
            ways[0] = Way(connections)  # it is found out
        self.now = 0.0
        self.plan = Plan(ways, 0, size, 0.0, hedges=self.take_hedge, widest=widest, have=have)
        self.links: dict[int, Link] = {}
        self.idle: dict[int, int] = dict.fromkeys(range(len(hosts)), 0)
        self.beside: dict[int, int] = {}
        self.outcome = Outcome(plan=self.plan)
        self.wake = 0.0
        self.progress_at = 0.0
        self.backoff = 0.05
        first = self.link(0, 0, 0, None, fresh=True)
        first.opened, first.ready_at, first.fails = True, 0.0, False
        first.window_from = 0.0

    def take_hedge(self) -> bool:
        self.allowance -= 1
        return self.allowance >= 0

    # Connections.

    def link(self, number: int, source: int, first: int, end: int | None, *, fresh: bool) -> Link:
        host, now = self.hosts[source], self.now
        kept = not fresh and self.idle[source] > 0
        if kept:
            self.idle[source] -= 1
        taken = sum(one.source == source for one in self.links.values())
        fails = taken >= host.at_most + host.lingering
        ready = now + host.round_trip * (1 if kept else 3) + host.think
        served = sum(one.source == source and one.ready_at < EVER for one in self.links.values())
        if served >= host.serves:
            ready = EVER  # it is accepted, and nothing is ever said
        if host.is_dead(now):
            fails, ready = True, now + CONNECT_TIMEOUT
        if not host.ranges:
            first, end = 0, None
        link = Link(
            number, source, first, self.size if end is None else end, ready, fails, now, ready
        )
        if kept:
            link.window_from = now - 10.0
        self.links[number] = link
        self.outcome.opened += 1
        return link

    def apply(self) -> None:
        for action in self.plan.decide(self.now):
            self.outcome.actions.append((self.now, action))
            if isinstance(action, Open):
                self.link(
                    action.number, action.source, action.first, action.end, fresh=action.fresh
                )
                if action.beside is not None:
                    self.beside[action.number] = action.beside
                    self.outcome.hedges += 1
            else:
                link = self.links.pop(action.number)
                self.beside.pop(action.number, None)
                if link.opened and link.position == link.end:
                    self.idle[link.source] += 1
        self.count()
        assert self.plan.decide(self.now) == []
        self.wake = self.now + self.plan.pause(self.now)

    def count(self) -> None:
        for source in range(len(self.hosts)):
            there = sum(
                one.source == source and one.number not in self.beside
                for one in self.links.values()
            )
            self.outcome.most[source] = max(self.outcome.most.get(source, 0), there)

    def fail(self, link: Link, *, refused: bool = False) -> None:
        del self.links[link.number]
        self.beside.pop(link.number, None)
        self.plan.failed(link.number, self.now, refused)
        self.beside = {a: b for a, b in self.beside.items() if b in self.links}
        self.outcome.cut += 1
        self.apply()

    # Time.

    def run(self, longest: float = 3600.0) -> Outcome:
        """Download the file, or give up."""
        while not self.plan.done and self.now < longest:
            if self.stop_at < 1 and self.outcome.transferred >= self.stop_at * self.size:
                break
            if not self.plan.alive:
                if self.now - self.progress_at > self.patience:
                    break
                self.go_on()
                continue
            self.tick()
        self.apply()
        self.outcome.took, self.outcome.whole = self.now, self.plan.done
        if self.plan.done:
            assert not self.links
            assert not self.plan.alive
        return self.outcome

    def go_on(self) -> None:
        """Wait, and open a connection by ourselves, as patience would have it."""
        assert not self.links
        self.now += self.backoff
        self.backoff = min(10.0, self.backoff * 2)
        host = self.hosts[0]
        if host.is_dead(self.now):
            self.now += CONNECT_TIMEOUT
            return
        self.now += 3 * host.round_trip + host.think
        first, end = self.plan.received, None
        number = self.plan.continued(self.now)
        end = self.plan.stop(number)
        link = self.link(number, 0, first, end, fresh=True)
        link.opened, link.ready_at, link.fails, link.window_from = True, 0.0, False, self.now
        self.apply()

    def tick(self) -> None:
        flowing = [one for one in self.links.values() if self.flows(one)]
        if not flowing:
            moments = [self.wake, *(one.ready_at for one in self.links.values() if not one.opened)]
            moments += [one.silent_until for one in self.links.values() if one.opened]
            moments += [host.dead_from for host in self.hosts]
            moments += [host.dead_until for host in self.hosts]
            moments += [one.heard_at + READ_TIMEOUT for one in self.links.values()]
            waiting = any(
                not one.opened and one.ready_at <= self.now for one in self.links.values()
            )
            ahead = min((moment for moment in moments if moment > self.now), default=EVER)
            self.now = self.now if waiting else max(self.now + 1e-6, min(ahead, self.now + 10.0))
        else:
            self.now += self.step
        self.open_links()
        for link, count in self.shares(flowing):
            if self.links.get(link.number) is link:
                self.send(link, count)
        for link in list(self.links.values()):
            late = link.opened and self.now - link.heard_at >= READ_TIMEOUT
            if late and self.links.get(link.number) is link:
                self.fail(link)
        if self.now >= self.wake:
            self.apply()

    def open_links(self) -> None:
        for link in list(self.links.values()):
            if link.opened or link.ready_at > self.now or link.number not in self.links:
                continue
            host = self.hosts[link.source]
            if link.fails or host.is_dead(self.now):
                self.fail(link, refused=link.fails and not host.is_dead(self.now))
                continue
            wanted = self.plan.position(link.number)
            if link.position < wanted and not host.ranges and wanted != self.plan.received:
                self.plan.no_ranges(link.source, self.now)
                self.fail(link, refused=True)
                continue
            if not host.ranges:
                self.plan.no_ranges(link.source, self.now)
            link.opened, link.heard_at = True, self.now
            behind = link.position if link.position < wanted else None
            self.plan.opened(link.number, self.now, behind)
            self.apply()

    def flows(self, link: Link) -> bool:
        return (
            link.opened
            and link.position < link.end
            and self.now >= link.silent_until
            and not self.hosts[link.source].is_dead(self.now)
        )

    def shares(self, flowing: list[Link]) -> list[tuple[Link, float]]:
        """Share what each host can send in one step fairly."""
        shares: list[tuple[Link, float]] = []
        for at, host in enumerate(self.hosts):
            wants = sorted(
                (self.room(link, host), link.number, link) for link in flowing if link.source == at
            )
            left = host.cap * self.step
            for place, (room, _, link) in enumerate(wants):
                given = min(room, left / (len(wants) - place))
                left -= given
                shares.append((link, given))
        return shares

    def room(self, link: Link, host: Host) -> float:
        rate = host.per_connection
        if host.slow_start and host.round_trip:
            trips = (self.now - link.window_from) / host.round_trip
            rate = min(rate, FIRST_WINDOW * 2.0 ** min(trips, 40) / host.round_trip)
        return min(rate * self.step, 1e9)

    def send(self, link: Link, count: float) -> None:
        host = self.hosts[link.source]
        link.held += count
        if host.burst and self.now < link.release_at:
            return
        link.release_at = self.now + host.burst
        whole = min(int(link.held), link.end - link.position)
        if whole <= 0:
            return
        link.held -= whole
        silent = host.silences > 0 and host.silent_after is not None
        if silent and link.sent + whole >= host.silent_after:
            host.silences -= 1
            link.silent_until = self.now + host.silent_for
        broken = host.drop_every is not None and link.sent + whole >= host.drop_every
        if broken:
            whole = host.drop_every - link.sent
        link.sent += whole
        self.deliver(link, whole)
        if broken and self.links.get(link.number) is link:
            self.fail(link)

    def deliver(self, link: Link, count: int) -> None:
        """Hand over what is wanted of what came; skip the rest."""
        start, link.position = link.position, link.position + count
        self.outcome.transferred += count
        link.heard_at = self.now
        wanted = 0
        while True:
            position, stop = self.plan.position(link.number), self.plan.stop(link.number)
            assert stop is not None
            end = min(link.position, stop, self.next_known(position))
            if position < start or end <= position:
                break
            self.outcome.came.append((position, end))
            self.plan.arrived(link.number, end - position, self.now)
            self.beside.pop(link.number, None)
            self.progress_at, self.backoff = self.now, 0.05
            wanted += end - position
        if not wanted:
            self.plan.arrived(link.number, 0, self.now)
        self.outcome.wasted += count - wanted
        self.apply()

    def next_known(self, first: int) -> int:
        return min((a for a, _ in self.plan.beyond if a > first), default=self.size)


def download(hosts: list[Host], size: int, connections: int = 4, **more: object) -> Outcome:
    """Run one download to its end."""
    return Network(hosts, size, connections, **more).run()  # type: ignore[arg-type]
