"""What is pip told to do, with which settings, and how does it end?

The rule: an `Act` is drawn before anything of it happens; nothing in it depends
on what happens.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.soak.troubles import Trouble, drawn_troubles, must_succeed

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.soak.worlds import OpenWorld, Release, World

PATIENT = 30.0
"""Seconds: outlasts every trouble that heals."""
VERBS = ("download", "download", "target", "target", "wheel", "venv")


@dataclass(frozen=True)
class Command:
    """One pip command.

    Attributes:
        verb: `download`, `wheel`, `target` (install there) or `venv` (install in a copy).
        names: The projects that are asked for.
        way: `words` on the command line, a `file` of requirements, or one with `hashes`.
        algorithm: That of these hashes.
        deps: Whether dependencies are wanted.
        cache: Whether pip may use its cache.
    """

    verb: str
    names: tuple[str, ...]
    way: str
    algorithm: str
    deps: bool
    cache: bool

    def wanted(self, world: World) -> list[Release]:
        """Return what pip has to bring."""
        return world.closure(self.names) if self.deps else [*map(world.newest, self.names)]

    def arguments(self, world: OpenWorld, work: Path) -> list[str]:
        """Return pip's arguments; a file of requirements is written into `work`."""
        verb = {"target": "install", "venv": "install"}.get(self.verb, self.verb)
        where = {"download": ["--dest", "out"], "wheel": ["--wheel-dir", "out"]}
        where["target"] = ["--target", "out"]
        said = [verb, *where.get(self.verb, [])]
        said += ["--no-compile"] if verb == "install" else []
        said += [] if self.deps else ["--no-deps"]
        said += [] if self.cache else ["--no-cache-dir"]
        if self.way == "words":
            return [*said, *self.names]
        (work / "wanted.txt").write_text("\n".join([*self._lines(world), ""]), encoding="ascii")
        return [*said, "-r", "wanted.txt", *(["--require-hashes"] * (self.way == "hashes"))]

    def _lines(self, world: OpenWorld) -> list[str]:
        if self.way == "file":
            return list(self.names)
        return [
            f"{one.name}=={one.version} --hash={self.algorithm}:"
            + world.file(one).digest(self.algorithm)
            for one in self.wanted(world.plan)
        ]


@dataclass(frozen=True)
class Act:
    """What happens at once.

    Attributes:
        commands: One for each pip; they share a home and so a cache.
        ending: `none`; or `interrupt` (Ctrl-C) or `kill`: once the first request was
            made and a `share` of what the first pip wants was sent, and `after` so many
            seconds more.
        disk: Which folder is a small one, `tmp` or `cache`, and its size in kB.
        must_succeed: Whether every pip has to come through.
    """

    commands: tuple[Command, ...]
    troubles: tuple[Trouble, ...]
    environ: tuple[tuple[str, str], ...]
    ending: str = "none"
    share: float = 0.0
    after: float = 0.0
    disk: tuple[str, int] | None = None
    must_succeed: bool = False

    def __str__(self) -> str:
        """Write it down, for a report."""
        settings = " ".join(f"{name}={value}" for name, value in self.environ)
        ending = f"{self.ending} at {self.share:.2f} of the bytes and {self.after:.2f} s"
        lines = [
            f"act: ending {ending}, disk {self.disk}, must succeed: {self.must_succeed}",
            f"settings: {settings}",
        ]
        return "\n".join([*lines, *map(str, self.commands), *map(str, self.troubles)])


def drawn_acts(chance: Random, world: World, *, small_disk: bool) -> list[Act]:
    """Draw the acts of a scene.

    Args:
        chance: Where the draws come from.
        world: Where they play.
        small_disk: Whether this machine can give a pip a small disk of its own.
    """
    acts: list[Act] = []
    troubled: set[str] = set()
    for _ in range(chance.choice([1, 1, 2, 2, 3])):
        act = _drawn_act(chance, world, troubled, small_disk=small_disk)
        acts.append(act)
        if act.ending == "kill":  # the same again; what troubles there were has passed, or not
            calm = chance.random() < 0.5
            troubles = () if calm else act.troubles
            through = must_succeed(world, list(troubles), troubled) and _is_patient(act)
            again = dataclasses.replace(
                act, ending="none", troubles=troubles, must_succeed=through and act.disk is None
            )
            acts.append(again)
    return acts


def _is_patient(act: Act) -> bool:
    settings = dict(act.environ)
    return (
        settings.get("PIP_RESILIENT_PATIENCE") == f"{PATIENT:g}"
        and "PIP_RETRIES" not in settings
        and "PIP_RESILIENT_DEADLINE" not in settings
    )


def _drawn_act(chance: Random, world: World, troubled: set[str], *, small_disk: bool) -> Act:
    troubles = drawn_troubles(chance, world, lasting=chance.random() < 0.3)
    troubled.update(one.server for one in troubles)
    curable = must_succeed(world, troubles, troubled)
    pips = chance.choice([1, 1, 1, 1, 2, 3])
    commands = tuple(_drawn_command(chance, world) for _ in range(pips))
    if pips > 1 and chance.random() < 0.6:  # the herd: all want the same
        commands = tuple(dataclasses.replace(one, names=commands[0].names) for one in commands)
    disk = None
    if small_disk and pips == 1 and chance.random() < 0.12:
        disk = (chance.choice(["tmp", "cache"]), chance.choice([64, 1_000, 4_000]))
    act = Act(
        commands=commands,
        troubles=tuple(troubles),
        environ=_drawn_settings(chance, patient=curable),
        ending=chance.choice(["none"] * 7 + ["interrupt", "kill", "kill"]),
        share=chance.choice([0.0, chance.random()]),
        after=chance.choice([0.0, chance.uniform(0, 0.5), chance.uniform(0, 3)]),
        disk=disk,
    )
    through = curable and _is_patient(act) and act.ending == "none" and disk is None
    return dataclasses.replace(act, must_succeed=through)


def _drawn_command(chance: Random, world: World) -> Command:
    names = sorted({release.name for release in world.releases})
    wanted = chance.sample(names, min(len(names), chance.choice([1, 1, 2, 3, 20])))
    return Command(
        verb=chance.choice(VERBS),
        names=tuple(wanted),
        way=chance.choice(["words", "words", "file", "hashes"]),
        algorithm=chance.choice(["sha256", "sha256", "sha384", "sha512"]),
        deps=chance.random() < 0.8,
        cache=chance.random() < 0.85,
    )


def _drawn_settings(chance: Random, *, patient: bool) -> tuple[tuple[str, str], ...]:
    """Draw settings within bounds that keep an act short."""
    drawn: dict[str, object] = {
        "PIP_RESILIENT_PATIENCE": f"{PATIENT:g}" if patient else round(chance.uniform(1, 6), 1),
        "PIP_RESILIENT_READ_TIMEOUT": round(chance.uniform(2, 5), 1),
        "PIP_RESILIENT_CONNECT_TIMEOUT": round(chance.uniform(1, 4), 1),
    }
    if chance.random() < 0.7:
        drawn["PIP_RESILIENT_CONNECTIONS"] = chance.randint(1, 4)
    if chance.random() < 0.3:
        drawn["PIP_RESILIENT_MIN_SPEED"] = chance.choice([0, 1_000, 1_000_000])
    if chance.random() < 0.2:
        drawn["PIP_RESILIENT_STALE"] = 0
    if chance.random() < 0.4:
        drawn["PIP_RESILIENT_LOG"] = "events.ndjson"
    if chance.random() < 0.15:
        drawn["PIP_RESILIENT_STATE_DIR"] = chance.choice(["none", "state"])
    if chance.random() < 0.06:
        drawn["PIP_RESILIENT_DEADLINE"] = round(chance.uniform(0.5, 10), 1)
    if chance.random() < 0.06:
        drawn["PIP_RETRIES"] = 0
    if chance.random() < 0.1:
        drawn["PIP_QUIET"] = chance.choice([1, 2])
    return tuple((name, str(value)) for name, value in drawn.items())
