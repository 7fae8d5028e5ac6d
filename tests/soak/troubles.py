"""What goes wrong while pip is at work, and can it go right nevertheless?

The rule: each trouble says of itself whether it heals (it ends within the
patience that a healing act gives), and whether somebody else may stand in for
what it ruins; `must_succeed` puts that together. Where it cannot be told for
sure, a trouble does not heal: then pip may fail, cleanly, or not.
"""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

from tests.faults import (
    BadChunkHeader,
    DropEvery,
    Fault,
    Fin,
    FlippedBit,
    HandshakeEof,
    HandshakeSilence,
    HangUp,
    HostThrottle,
    IfRangeIgnored,
    Junk,
    MissingHeaders,
    NeverAnswer,
    NoLastChunk,
    OtherContent,
    OtherTotal,
    Pause,
    RangeIgnored,
    RangeRefused,
    Reset,
    Scripted,
    Silence,
    Status,
    Throttle,
    Trickle,
    WrongOffset,
    captive_portal,
    redirect,
    too_many_requests,
    unavailable,
)

if TYPE_CHECKING:
    from random import Random

    from tests.servers.answers import Answer, Request, Resource
    from tests.soak.worlds import OpenWorld, World

FILES = "/packages/*"
PAGES = "/simple/*"
PASSING = (408, 425, 429, 500, 502, 503, 504, 520, 522, 524, 527, 530)


@dataclass(frozen=True)
class WrongLength(Fault):
    """Content-Length says so many bytes more, or fewer, than there are."""

    by: int

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        said = answer.header("Content-Length")
        if said is None:
            return answer
        return answer.with_headers(("Content-Length", str(max(0, int(said) + self.by))))


@dataclass(frozen=True)
class OnTheWay(Fault):
    """A bit flips on the way to this client, at a share of what is asked for.

    `FlippedBit` is one at an offset that a test knows; here files have any size.
    """

    share: float

    def change_resource(self, resource: Resource) -> Resource:
        return FlippedBit(int(self.share * len(resource.content))).change_resource(resource)


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong.

    Attributes:
        what: Its name.
        server: Which server it happens at; `proxy` is the one before PyPI.
        scripted: What that server's script gets.
        away: Instead: when, from the act's begin, it refuses connections, and for
            how long; None for the second: for good.
        drop: Whether connections that are open break then.
        cut: Instead: the bounds of what a tunnel of the proxy brings before it is cut.
        refuse: Instead: how many tunnels the proxy refuses, and the status (None: a reset).
        heals: Whether an act's patience outlasts it.
        spoils: Whether bytes come that nothing but a digest can tell from the right ones.
        of: What it keeps from coming: `files`, `pages` or `all`.
    """

    what: str
    server: str
    scripted: Scripted | None = None
    away: tuple[float, float | None] | None = None
    drop: bool = False
    cut: tuple[int, int] | None = None
    refuse: tuple[int, int | None] | None = None
    heals: bool = True
    spoils: bool = False
    of: str = "all"

    @property
    def always_cuts(self) -> bool:
        """Whether no connection brings a large file to its end."""
        return self.cut is not None or (
            self.scripted is not None and isinstance(self.scripted.fault, DropEvery)
        )

    def __str__(self) -> str:
        """Write it down, for a report."""
        fields = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        told = [f"{key}={value}" for key, value in fields.items() if value not in (None, False)]
        return f"trouble: {' '.join(told)}"


def must_succeed(world: World, troubles: list[Trouble], troubled: set[str]) -> bool:
    """Tell whether a patient pip has to come through.

    Args:
        world: Where it is.
        troubles: What happens to it.
        troubled: The servers that anything has ever happened to.
    """
    spares = [name for name in world.servers if name.startswith("mirror")]
    good = bool(spares) and not any(name in troubled for name in spares)
    lasting = [one for one in troubles if not one.heals and one.server not in spares]
    if any(one.spoils for one in troubles) and any(one.always_cuts for one in troubles):
        return False  # after wrong bytes a file is fetched whole, at most five times
    if any(not one.heals and one.server in spares for one in troubles):
        # Whose page was shown has to give its files, too: nobody goes back to the index.
        return not any(name not in spares for name in troubled)
    if not lasting:
        return True
    by_digest = world.kind == "pypi" or world.algorithm in {"sha256", "sha512"}
    pages_too = world.kind != "pypi" or not world.for_files
    files_alone = all(one.of == "files" for one in lasting)
    return (
        good
        and by_digest
        and (files_alone or pages_too)
        and "unsure" not in {one.of for one in lasting}
    )


Draw = Callable[["Random", "World", str], Trouble]


def drawn_troubles(chance: Random, world: World, *, lasting: bool) -> list[Trouble]:
    """Draw what goes wrong in one act.

    Args:
        chance: Where the draws come from.
        world: Where it happens.
        lasting: Whether there may be troubles that never end.
    """
    found = [_drawn(chance, world, _PASSING) for _ in range(chance.choice([0, 1, 1, 2, 2, 3, 4]))]
    if lasting:
        found.append(_drawn(chance, world, _LASTING))
    spoiling = [one for one in found if one.spoils and one.heals]
    for one in spoiling[0 if not world.is_verified else 1 :]:  # a second time is once too often
        found.remove(one)
    if not world.is_verified:
        found = [one for one in found if not one.spoils]
    ending = [one for one in found if one.scripted is None]
    return [one for one in found if one not in ending[1:]]  # one clock a world is enough


def _drawn(chance: Random, world: World, draws: tuple[Draw, ...]) -> Trouble:
    draw = chance.choice(draws)
    server = chance.choice(world.servers)
    return draw(chance, world, server)


def _with_files(world: World, server: str) -> str:
    return world.files_server if server == "pages" else server


def _of(world: World, server: str, path: str) -> str:
    if path == FILES:
        return "files"
    return "pages" if path == PAGES else "all"


def _path(chance: Random, world: World, server: str) -> str:
    if server == "files":
        return FILES
    if server == "pages" and world.files_server == "files":
        return PAGES
    return chance.choice([FILES, PAGES])


def _offset(chance: Random) -> int:
    return int(10 ** chance.uniform(0, 6.5))


# --- What passes ---


def _breaks(chance: Random, world: World, server: str) -> Trouble:
    after, path = _offset(chance), _path(chance, world, server)
    fault = chance.choice(
        [
            Reset(after),
            Reset(chance.randrange(200), part="headers"),
            Fin(after),
            Fin(after, close_notify=False),
            Fin(chance.randrange(200), part="headers"),
            Silence(after),
            Silence(chance.randrange(200), part="headers"),
            Pause(after, seconds=chance.uniform(0.2, 5)),
            Pause(chance.randrange(100), part="headers", seconds=chance.uniform(0.2, 5)),
        ]
    )
    return _scripted(world, server, fault, path, first=chance.choice([1, 1, 2]))


def _slow(chance: Random, world: World, server: str) -> Trouble:
    path = _path(chance, world, server)
    fault = chance.choice(
        [
            Throttle(chance.uniform(3e5, 5e6)),
            HostThrottle(chance.uniform(1e6, 8e6)),
            Trickle(chance.randrange(1_000, 20_000), tick=0.02),
        ]
    )
    return _scripted(world, server, fault, path, first=chance.choice([1, 2, 5]))


def _status(chance: Random, world: World, server: str) -> Trouble:
    path = _path(chance, world, server)
    after, date = chance.uniform(0, 2), chance.random() < 0.5
    fault = chance.choice(
        [
            Status(chance.choice(PASSING)),
            Status(chance.choice(PASSING)),
            unavailable(after, as_date=date),
            too_many_requests(after, as_date=date),
        ]
    )
    return _scripted(world, server, fault, path, first=chance.choice([1, 2, 3]))


def _captive(chance: Random, world: World, server: str) -> Trouble:
    # Where neither length nor digest is known, a page may be a file.
    path = _path(chance, world, server)
    return _scripted(world, server, captive_portal(), path, first=1, spoils=path == FILES)


def _range(chance: Random, world: World, server: str) -> Trouble:
    lying = chance.random() < 0.3
    fault = chance.choice(
        [
            RangeIgnored(),
            IfRangeIgnored(),
            RangeRefused(),
            WrongOffset(chance.choice([-1000, -1, 1, 1000])),
            WrongOffset(chance.choice([-1000, -1, 1, 1000]), honest=False) if lying else None,
            OtherTotal(chance.choice([-1, 1])),
        ]
    )
    fault = fault or RangeIgnored()
    wrong = isinstance(fault, WrongOffset) and not fault.honest
    where = _with_files(world, server)
    return _scripted(world, where, fault, FILES, first=1, ranged=True, spoils=wrong)


def _drops(chance: Random, world: World, server: str) -> Trouble:
    """The link that breaks again and again, but always brings something."""
    fault = DropEvery(int(10 ** chance.uniform(5.3, 6.5)), by=chance.choice(["reset", "fin"]))
    made = _scripted(world, _with_files(world, server), fault, FILES)
    return dataclasses.replace(made, heals=world.can_resume)


def _wrong(chance: Random, world: World, server: str) -> Trouble:
    fault = chance.choice(
        [
            OnTheWay(chance.random()),
            OtherContent(b"not at all the file", chance.choice([None, '"other"'])),
            WrongLength(chance.choice([-700, -1])),
            Junk(),
        ]
    )
    return _scripted(world, _with_files(world, server), fault, FILES, first=1, spoils=True)


def _too_long(chance: Random, world: World, server: str) -> Trouble:
    fault = WrongLength(chance.choice([1, 700]))
    path = _path(chance, world, server)
    return _scripted(world, server, fault, path, first=1, heals=False, of="unsure")


def _headers(chance: Random, world: World, server: str) -> Trouble:
    names = chance.choice([("ETag",), ("Accept-Ranges",), ("Content-Type",), ("Date",)])
    return _scripted(world, _with_files(world, server), MissingHeaders(names), FILES, first=2)


def _framing(chance: Random, world: World, server: str) -> Trouble:
    fault = chance.choice([NoLastChunk(chance.randrange(3)), BadChunkHeader(chance.randrange(3))])
    if world.form.chunked:
        return _scripted(world, server, fault, PAGES, first=chance.choice([1, 2]))
    return _status(chance, world, server)


def _handshake(chance: Random, world: World, server: str) -> Trouble:
    faults: list[Fault] = [HangUp(), NeverAnswer()]
    if world.kind != "http" and not (world.kind == "pypi" and server.startswith("mirror")):
        faults += [HandshakeEof(), HandshakeSilence()]
    scripted = chance.choice(faults).when(first=chance.choice([1, 1, 2]))
    return Trouble(f"{type(scripted.fault).__name__}", server, scripted)


def _away(chance: Random, world: World, server: str) -> Trouble:
    away = (chance.choice([0.0, chance.uniform(0.3, 3)]), chance.uniform(0.2, 4))
    return Trouble("away", server, away=away, drop=chance.random() < 0.6)


def _redirected(chance: Random, world: World, server: str) -> Trouble:
    """To itself, once: the second time it answers."""
    code = chance.choice([302, 303, 307])  # 301 and 308 are cached by pip
    return Trouble("redirect", _with_files(world, server), _Back(code).when(FILES, first=1))


@dataclass(frozen=True)
class _Back(Fault):
    """A redirect to what was asked for."""

    status: int

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        return redirect(request.target, self.status).change_answer(answer, request, resource)


def _proxy(chance: Random, world: World, server: str) -> Trouble:
    if world.kind != "pypi":
        return _breaks(chance, world, server)
    kind = chance.choice(["cut", "refuse", "away"])
    if kind == "cut":
        least = int(10 ** chance.uniform(5, 6))
        return Trouble("tunnels are cut", "proxy", cut=(least, 4 * least), heals=world.can_resume)
    if kind == "refuse":
        what = (chance.choice([1, 2]), chance.choice([502, 503, None]))
        return Trouble("tunnels are refused", "proxy", refuse=what)
    return Trouble("away", "proxy", away=(chance.uniform(0, 2), chance.uniform(0.2, 3)), drop=True)


_PASSING: tuple[Draw, ...] = (
    _breaks,
    _breaks,
    _breaks,
    _slow,
    _status,
    _status,
    _captive,
    _range,
    _drops,
    _wrong,
    _too_long,
    _headers,
    _framing,
    _handshake,
    _away,
    _redirected,
    _proxy,
)

# --- What lasts ---


def _dead(chance: Random, world: World, server: str) -> Trouble:
    begins = chance.choice([0.0, 0.0, chance.uniform(0.3, 2)])
    of = "files" if server == "files" else "all"
    return Trouble("dead", server, away=(begins, None), drop=True, heals=False, of=of)


def _mute(chance: Random, world: World, server: str) -> Trouble:
    scripted = NeverAnswer().when()
    of = "files" if server == "files" else "all"
    return Trouble("mute", server, scripted, heals=False, of=of)


def _failing(chance: Random, world: World, server: str) -> Trouble:
    path = _path(chance, world, server)
    fault = chance.choice(
        [
            Status(chance.choice(PASSING)),
            unavailable(chance.choice([1, 3600])),
            Reset(0),
            Fin(0),
            Silence(0),
            Reset(0, part="headers"),
            captive_portal(),
            BadChunkHeader(0),
        ]
    )
    spoils = isinstance(fault, Status) and fault.status == 200 and path == FILES
    made = _scripted(world, server, fault, path, heals=False, spoils=spoils)
    return dataclasses.replace(made, of="unsure") if isinstance(fault, BadChunkHeader) else made


def _always_wrong(chance: Random, world: World, server: str) -> Trouble:
    fault = chance.choice([OnTheWay(chance.random()), OtherContent(b"never the file")])
    return _scripted(world, _with_files(world, server), fault, FILES, heals=False, spoils=True)


def _refusing(chance: Random, world: World, server: str) -> Trouble:
    """What is an answer, and nobody else is asked."""
    fault = Status(chance.choice([401, 403, 404, 410, 416, 418]))
    path = _path(chance, world, server)
    return _scripted(world, server, fault, path, heals=False, of="unsure")


def _endless(chance: Random, world: World, server: str) -> Trouble:
    path = _path(chance, world, server)
    return _scripted(world, server, _Back(302), path, heals=False, of="unsure")


_LASTING: tuple[Draw, ...] = (
    _dead,
    _dead,
    _mute,
    _failing,
    _failing,
    _failing,
    _always_wrong,
    _refusing,
    _endless,
)


def _scripted(
    world: World,
    server: str,
    fault: Fault,
    path: str,
    *,
    heals: bool = True,
    spoils: bool = False,
    of: str | None = None,
    **conditions: Any,
) -> Trouble:
    scripted = fault.when(path, **conditions)
    name = type(fault).__name__
    return Trouble(
        name, server, scripted, heals=heals, spoils=spoils, of=of or _of(world, server, path)
    )


# --- Letting it happen ---


@dataclass
class Happening:
    """Troubles at work on an open world; `end` them before the world is used again."""

    world: OpenWorld
    timers: list[threading.Timer] = field(default_factory=list)

    @classmethod
    def of(cls, world: OpenWorld, troubles: list[Trouble]) -> Happening:
        """Let them happen from now on."""
        happening = cls(world)
        for name, server in world.servers.items():
            server.script = [
                one.scripted for one in troubles if one.server == name and one.scripted is not None
            ]
        for one in troubles:
            happening._set_up(one)
        return happening

    def _set_up(self, trouble: Trouble) -> None:
        target: Any = (
            self.world.proxy if trouble.server == "proxy" else self.world.servers[trouble.server]
        )
        if trouble.cut is not None:
            target.cut = trouble.cut
        if trouble.refuse is not None:
            target.refuse_next(*trouble.refuse)
        if trouble.away is None:
            return
        begins, lasts = trouble.away
        if begins:
            self._later(begins, lambda: target.pause_listening(drop=trouble.drop))
        else:
            target.pause_listening(drop=trouble.drop)
        if lasts is not None:
            self._later(begins + lasts, target.resume_listening)

    def _later(self, seconds: float, deed: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, deed)
        self.timers.append(timer)
        timer.start()

    def end(self) -> None:
        """End them all."""
        for timer in self.timers:
            timer.cancel()
        for timer in self.timers:
            timer.join()
        self.world.heal()
