"""What is one scene of the soak, from its number to its verdict?

The rule: a scene stands alone. It has a home, a cache and a world of its own, drawn
from the seed and its number, so it can be played again without those before it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.soak.acts import drawn_acts
from tests.soak.judge import judged
from tests.soak.running import can_mount, play
from tests.soak.tally import Tally
from tests.soak.troubles import Happening
from tests.soak.worlds import described, drawn_world, opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.soak.acts import Act
    from tests.soak.running import Done
    from tests.soak.worlds import OpenWorld

_HEALED = re.compile(r"pip-resilient: healed (\d+) interruption")
_SHOWN = 80
"""Requests of a world's log that a report shows."""


@dataclass
class Verdict:
    """What came of a scene.

    Attributes:
        number: Of the scene.
        tally: What there was of it.
        problems: The violations; empty: none.
        report: All that is known of them.
    """

    number: int
    tally: Tally
    problems: list[str] = field(default_factory=list)
    report: str = ""


def play_scene(seed: int, number: int, environments: Sequence[Environment]) -> Verdict:
    """Play a scene, and judge it.

    Args:
        seed: Of the soak.
        number: Of the scene.
        environments: Pips to choose from, with the probe; each scene has a new home.
    """
    chance = Random(f"{seed} {number}")
    environment = chance.choice(environments).with_fresh_home()
    plan = drawn_world(chance)
    acts = drawn_acts(chance, plan, small_disk=can_mount())
    verdict = Verdict(number, Tally(scenes=1))
    try:
        with opened(plan, environment) as world, contextlib.ExitStack() as stack:
            for at, act in enumerate(acts):
                place = environment.work / str(at)
                _play_act(act, world, environment, place, stack, verdict)
                if verdict.problems:
                    break
            else:
                _look_at_cache(world, environment, verdict)
            if verdict.problems:
                verdict.report = f"{environment.id}\n{described(plan)}\n{verdict.report}"
    finally:
        shutil.rmtree(environment.home, ignore_errors=True)
    return verdict


def _play_act(
    act: Act,
    world: OpenWorld,
    environment: Environment,
    place: Path,
    stack: contextlib.ExitStack,
    verdict: Verdict,
) -> None:
    before = len(world.log()), world.bytes_sent()
    happening = Happening.of(world, list(act.troubles))
    try:
        done = play(act, world, environment, place, stack)
    finally:
        happening.end()
    verdict.problems += judged(act, world, done)
    _count(act, world, done, before, verdict.tally)
    if verdict.problems:
        verdict.report = _report(act, world, done, before[0])


def _count(
    act: Act, world: OpenWorld, done: list[Done], before: tuple[int, int], tally: Tally
) -> None:
    tally.acts += 1
    tally.pips += len(done)
    tally.succeeded += sum(one.code == 0 for one in done)
    tally.had_to += act.must_succeed * len(done)
    tally.failed += sum(one.code != 0 and one.ended == "none" for one in done)
    tally.killed += sum(one.ended == "kill" for one in done)
    tally.interrupted += sum(one.ended == "interrupt" for one in done)
    tally.small_disks += act.disk is not None
    tally.requests += len(world.log()) - before[0]
    tally.sent += world.bytes_sent() - before[1]
    tally.faults += sum(seen.fault != "Fault" for _, seen in world.log()[before[0] :])
    tally.outages += sum(one.away is not None for one in act.troubles)
    tally.healed += sum(int(found) for one in done for found in _HEALED.findall(one.stderr))
    tally.longest = max([tally.longest, *(one.took for one in done)])


def _look_at_cache(world: OpenWorld, environment: Environment, verdict: Verdict) -> None:
    """Let a plain pip, in a world without faults, bring all that it finds: from the cache too."""
    wanted = sorted({release.name for release in world.plan.releases if not release.is_sdist})
    if not wanted:
        return
    common = ("download", "--no-deps", "--dest", "cached", *wanted)
    done = environment.pip(*common, armed=False, env=world.environ)
    verdict.tally.checked += len(wanted)
    if done.returncode:
        verdict.problems.append(f"a plain pip fails afterwards: {done.stderr[-2000:]}")
    for name in wanted:
        made = world.file(world.plan.newest(name))
        path = environment.work / "cached" / made.filename
        if not path.is_file() or path.read_bytes() != made.content:
            verdict.problems.append(f"WRONG BYTES of {made.filename} from pip's cache")


def _report(act: Act, world: OpenWorld, done: list[Done], since: int) -> str:
    lines = [str(act)]
    for one in done:
        lines += [
            "",
            f"$ {' '.join(one.argv)}",
            f"exit code {one.code} after {one.took:.1f} s ({one.ended})",
            "--- stderr",
            one.stderr[-6000:],
            "--- the last of stdout",
            one.stdout[-1500:],
        ]
    lines += ["", "--- what the servers saw in this act"]
    seen = world.log()[since:]
    begin = seen[0][1].at if seen else 0.0
    for name, each in seen[-_SHOWN:]:
        lines.append(
            f"{each.at - begin:7.2f} {name} #{each.connection} {each.method} {each.path[-50:]}"
            f" {each.range or ''} -> {each.status} {each.body_bytes}"
            f" {'' if each.complete else 'incomplete'} {each.fault}"
        )
    return "\n".join(lines)
