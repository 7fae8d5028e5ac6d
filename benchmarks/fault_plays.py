"""What happens while a client is at work, beside what its server does by script?

The rule: what happens is tied to what the server has sent, never to a guess of how
fast somebody is, except where the thing itself is a time: an outage of 20 s is one.
"""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
from dataclasses import replace
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Callable

from benchmarks.fault_clients import BareReader
from benchmarks.fault_run import BARE, OK, OWN, Outcome, Run, at_first_start, straight
from tests.end_to_end.environments import environment_of
from tests.end_to_end.interpreters import python_matrix
from tests.end_to_end.namespaces import bound
from tests.end_to_end.server_software import NotAvailable
from tests.faults import swallowing_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.fault_clients import Client
    from benchmarks.fault_run import Stage

Play = Callable[["Stage", "Client"], Outcome]

CONNECTIONS = 20
"""Runs of which the 95th percentile is taken."""
ENOUGH_OF_SLOW = 3
SLOW = 10.0


def refused(stage: Stage, client: Client) -> Outcome:
    """Let nobody listen at the origin."""
    stage.origin.pause_listening(drop=True)
    try:
        return _by_the_clock(straight(stage, client))
    finally:
        stage.origin.resume_listening()


def silent(stage: Stage, client: Client) -> Outcome:
    """Let the origin be as its script says, and count all of the time."""
    return _by_the_clock(straight(stage, client))


def _by_the_clock(outcome: Outcome) -> Outcome:
    seconds = outcome.wall if outcome.result == OK else None
    return replace(outcome, seconds=seconds)


def outage(after: float, seconds: float) -> Play:
    """Let the origin be away for so long, once it has sent this share of the bytes."""

    def play(stage: Stage, client: Client) -> Outcome:
        stage.set_up()
        with at_first_start(client) as fresh, Run(stage, fresh) as run:
            if _until(stage, run, after):
                stage.origin.pause_listening(drop=True)
                run.is_over(seconds)
                stage.origin.resume_listening()
            return run.finish()

    return play


def killed(after: float) -> Play:
    """End the client by SIGKILL at this share of the bytes, and count what the next one does."""

    def play(stage: Stage, client: Client) -> Outcome:
        with at_first_start(client) as fresh:
            stage.set_up()
            with Run(stage, fresh) as first:
                if not _until(stage, first, after):
                    return first.finish()
                first.kill()
            stage.set_up()
            with Run(stage, fresh) as second:
                return second.finish()

    return play


def _until(stage: Stage, run: Run, share: float) -> bool:
    """Wait until the origin has sent so much; False if it never came to that."""
    wanted = share * sum(len(item.content) for item in stage.held)
    while not run.is_over(0) and run.age() < stage.row.limit:
        with contextlib.suppress(TimeoutError):
            stage.origin.wait_until(lambda _: run.sent() >= wanted, timeout=0.2)
            return True
    return False


def black_hole(stage: Stage, client: Client) -> Outcome:
    """Let the host's IPv6 address swallow what is sent to it, beside a working IPv4.

    The seconds are the 95th percentile of the time to the first request, less the
    median of what the same program, run in turn with it, takes where the name leads
    to IPv4 alone.

    Raises:
        NotAvailable: No name here leads to both.
    """
    stage.set_up()
    both = _name_leads(("127.0.0.1", "::1"))
    alone = _name_leads(("127.0.0.1",))
    usual: list[float] = []
    taken: list[float] = []
    outcomes: list[Outcome] = []
    with swallowing_port("::1", stage.origin.port) as port:
        if port is None:
            raise NotAvailable("here a full backlog refuses connections")
        while len(taken) < (ENOUGH_OF_SLOW if max(taken, default=0.0) > SLOW else CONNECTIONS):
            usual.append(_connected(stage, client, alone)[0])
            seconds, outcome = _connected(stage, client, both)
            taken.append(seconds)
            outcomes.append(outcome)
    worst = next((one for one in outcomes if one.result != OK), outcomes[-1])
    if worst.result != OK:
        return worst
    return replace(worst, seconds=max(0.0, _percentile(taken, 0.95) - median(usual)))


def _percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so many of them do not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def _connected(stage: Stage, client: Client, names: str) -> tuple[float, Outcome]:
    """Run once; return the seconds to the first request, all of the limit if none came."""
    with at_first_start(client) as fresh:
        with Run(stage, fresh, _with_names(fresh.home, names)) as run:
            outcome = run.finish()
        heard = run.first_request()
        return (stage.row.limit if heard is None else heard - run.begin), outcome


def _name_leads(addresses: tuple[str, ...]) -> str:
    """Return the hosts file in which `localhost` leads there, once it was seen to work.

    Raises:
        NotAvailable: This machine lets nobody mount it.
    """
    text = "".join(f"{address} localhost\n" for address in addresses)
    seen = _seen_with(text)
    if isinstance(seen, str):
        raise NotAvailable(f"no mount namespace: {seen}")
    if seen != set(addresses):
        raise NotAvailable(f"localhost leads to {seen} and not to {addresses}")
    return text


@cache
def _seen_with(text: str) -> set[str] | str:
    environment = environment_of(python_matrix()[-1], plugin=False).with_fresh_home()
    argv = [*_with_names(environment.home, text), str(environment.executable), "-c", _ADDRESSES]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except OSError as error:
        return str(error)
    return set(json.loads(done.stdout)) if done.returncode == 0 else done.stderr.strip()


_ADDRESSES = """
import json, socket
found = socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)
for family, kind, _, _, address in found:
    socket.socket(family, kind).bind(address)
print(json.dumps([address[0] for *_, address in found]))
"""


def _with_names(home: Path, text: str) -> tuple[str, ...]:
    """Return what lets a command see this hosts file, and nobody else."""
    hosts = home / "hosts"
    hosts.write_text(text)
    return bound(str(hosts), "/etc/hosts")


def ideal_of(stage: Stage, client: Client) -> float:
    """Return the seconds that nothing can beat, measured where no arithmetic says them."""
    if stage.row.ideal == BARE:
        return _bare(stage)
    if stage.row.ideal == OWN:
        return _own(stage, client)
    return float(stage.row.ideal)


def _bare(stage: Stage) -> float:
    """Let a reader that does nothing else fetch the first file, three times."""
    reader = BareReader(environment_of(python_matrix()[-1], plugin=False), stage.held[0].url)
    stage.origin.script = []
    taken = []
    for _ in range(3):
        with at_first_start(reader) as fresh, Run(stage, fresh) as run:
            run.is_over(stage.row.limit)
            taken.append(run.transfer() or stage.row.limit)
    return median(taken)


def _own(stage: Stage, client: Client) -> float:
    """Let the client do the same with all hosts healthy, and no word of a spare."""
    stage.origin.script = []
    order = replace(stage.order, spare=None, beside=False)
    with at_first_start(client) as fresh, Run(stage, fresh, order=order) as run:
        return run.finish().wall
