"""Which indexes, mirrors and packages are there, and what is right?

The rule: a `World` is a plan, drawn and never changed; an `OpenWorld` is that
plan on servers of this machine. What is right is known from the plan: every
file that a pip may end up with is here, byte for byte. Three kinds: PyPI
itself behind a proxy, over TLS; an index of somebody's own over TLS; one over
plain http, of which pip caches nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.end_to_end.played_pypi import played_pypi
from tests.faults import Authority, FaultServer
from tests.packages import Index, PageForm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from tests.end_to_end.environments import Environment
    from tests.faults import FaultProxy, Seen
    from tests.packages import Distribution

LARGEST = 8_000_000
ALTOGETHER = 14_000_000
"""Bytes of all files of a world: what one act can bring in a few seconds."""


@dataclass(frozen=True)
class Release:
    """One file of one project; of several versions pip takes the last."""

    name: str
    version: str
    size: int
    requires: tuple[str, ...] = ()
    is_sdist: bool = False


@dataclass(frozen=True)
class World:
    """What there is.

    Attributes:
        kind: `pypi`, `tls` or `http`.
        releases: All files, older versions of a project before newer ones.
        algorithm: That of the digests that the pages name; None: they name none.
        files: How files are sent: `strong` or `weak` or no (`bare`) validator,
            in `chunks`, or without ranges (`whole`).
        two_hosts: Whether the files are on a server of their own.
        mirrors: How many spares there are.
        for_files: Whether the spares of PyPI are named for files alone.
    """

    kind: str
    releases: tuple[Release, ...]
    algorithm: str | None
    form: PageForm
    core_metadata: bool
    files: str
    two_hosts: bool
    mirrors: int
    for_files: bool

    @property
    def is_verified(self) -> bool:
        """Whether anybody names a digest of the files; PyPI's paths do."""
        return self.algorithm is not None or self.kind == "pypi"

    @property
    def can_resume(self) -> bool:
        """Whether a cut file can be gone on with, however often."""
        return self.files == "strong"

    @property
    def servers(self) -> tuple[str, ...]:
        """The names of its servers."""
        own = ("pages", "files") if self.kind == "pypi" or self.two_hosts else ("pages",)
        return (*own, *(f"mirror{number}" for number in range(self.mirrors)))

    @property
    def files_server(self) -> str:
        """The name of the server that has the files."""
        return "files" if "files" in self.servers else "pages"

    def newest(self, name: str) -> Release:
        """Return what pip chooses of a project."""
        return [release for release in self.releases if release.name == name][-1]

    def closure(self, names: Iterable[str]) -> list[Release]:
        """Return what pip has to bring for these projects, each once."""
        found: dict[str, Release] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self.newest(name)
                waiting += [_project(wanted) for wanted in found[name].requires]
        return list(found.values())


def drawn_world(chance: Random) -> World:
    """Draw a world."""
    kind = chance.choice(["pypi", "pypi", "tls", "http"])
    algorithm = chance.choice(["sha256", "sha256", "sha256", "sha512", "md5", None])
    files = chance.choice(["strong"] * 5 + ["weak", "bare", "chunks", "whole"])
    return World(
        kind=kind,
        releases=_drawn_releases(chance),
        algorithm=algorithm,
        form=PageForm(
            gzip=chance.random() < 0.3,
            chunked=chance.random() < 0.3,
            etag=chance.random() < 0.8,
            json=chance.random() < 0.7,
            ranges=chance.random() < 0.3,
            max_age=chance.choice([0, 600]),
            serial=chance.choice([None, 42]),
            ballast=chance.choice([0, 0, 5_000, 120_000]),
        ),
        core_metadata=chance.random() < 0.6,
        files=files,
        two_hosts=chance.random() < 0.5,
        mirrors=chance.choice([0, 0, 1, 1, 2]) if kind == "pypi" else chance.choice([0, 0, 1]),
        for_files=chance.random() < 0.5,
    )


def _drawn_releases(chance: Random) -> tuple[Release, ...]:
    """Draw 1 to 20 projects; each may need some of those after it, so there is no circle."""
    count = min(20, 1 + int(chance.expovariate(0.25)))
    room = ALTOGETHER
    releases: list[Release] = []
    for number in range(count):
        name = f"soak-{number}"
        size = int(math.exp(chance.uniform(math.log(1_000), math.log(LARGEST))))
        size = max(1_000, min(size, room))
        room -= size
        later = [f"soak-{other}" for other in range(number + 1, count)]
        needed = chance.sample(later, min(len(later), chance.choice([0, 0, 1, 1, 2, 4])))
        if chance.random() < 0.2:
            releases.append(Release(name, "1.0", size, is_sdist=True))
            continue
        requires = tuple(wanted + chance.choice(["", ">=1.0"]) for wanted in needed)
        older = chance.choice([0, 0, 1, 3])
        releases += [Release(name, f"1.{minor}", 1_000) for minor in range(older)]
        releases.append(Release(name, f"1.{older}", size, requires))
    return tuple(releases)


def _project(requirement: str) -> str:
    return requirement.partition(">=")[0]


@dataclass
class OpenWorld:
    """A world on this machine.

    Attributes:
        servers: By the names that the plan gives them.
        environ: What a pip's environment says of this world.
        proxy: What stands before PyPI; None in other worlds.
        held: Every file, by project and version.
    """

    plan: World
    servers: dict[str, FaultServer]
    index: Index
    proxy: FaultProxy | None
    environ: dict[str, str]
    held: dict[tuple[str, str], Distribution] = field(default_factory=dict)

    def file(self, release: Release) -> Distribution:
        """Return a release's file."""
        return self.held[release.name, release.version]

    def heal(self) -> None:
        """End every fault."""
        for server in self.servers.values():
            server.script = []
            server.resume_listening()
        if self.proxy is not None:
            self.proxy.cut = None
            self.proxy.refuse_next(0)
            self.proxy.resume_listening()

    def requests(self) -> int:
        """Return how many requests the servers have seen."""
        return sum(len(server.log) for server in self.servers.values())

    def bytes_sent(self) -> int:
        """Return how many bytes of bodies the servers have sent."""
        return sum(server.bytes_sent() for server in self.servers.values())

    def log(self) -> list[tuple[str, Seen]]:
        """Return what all servers have seen, in order of time."""
        seen = [(name, one) for name, server in self.servers.items() for one in server.log]
        return sorted(seen, key=lambda both: both[1].at)


@contextlib.contextmanager
def opened(plan: World, environment: Environment) -> Iterator[OpenWorld]:
    """Lend a world to the pips of this environment's home."""
    lend = _opened_pypi if plan.kind == "pypi" else _opened_own
    with lend(plan, environment) as world:
        _fill(world)
        yield world


def _index_options(plan: World) -> dict[str, object]:
    return {
        "digests": plan.algorithm is not None,
        "algorithm": plan.algorithm or "sha256",
        "core_metadata": plan.core_metadata,
        "form": plan.form,
    }


@contextlib.contextmanager
def _opened_pypi(plan: World, environment: Environment) -> Iterator[OpenWorld]:
    with played_pypi(plan.form) as pypi, contextlib.ExitStack() as stack:
        servers = {"pages": pypi.pages, "files": pypi.files}
        urls = {
            "pages_url": pypi.index.url.removesuffix("/simple/"),
            "files_url": pypi.index.files_url,
        }
        index = Index(pypi.pages, pypi.files, **urls, **_index_options(plan))
        words = []
        for name in plan.servers[2:]:
            servers[name] = stack.enter_context(FaultServer())
            words.append(("files:" if plan.for_files else "") + f"{servers[name].url}/simple/")
        environ = {
            **pypi.environ(environment),
            "PIP_INDEX_URL": index.url,
            "PIP_RESILIENT_MIRRORS": " ".join(words) or "none",
        }
        yield OpenWorld(plan, servers, index, pypi.proxy, environ)


@contextlib.contextmanager
def _opened_own(plan: World, environment: Environment) -> Iterator[OpenWorld]:
    with contextlib.ExitStack() as stack:
        authority = Authority() if plan.kind == "tls" else None
        # pip 24.2 to 25.0 cannot be told an address: truststore wants a name.
        host = "localhost" if plan.kind == "tls" else "127.0.0.1"
        servers = {
            name: stack.enter_context(FaultServer(tls=authority, host=host))
            for name in plan.servers
        }
        index = Index(servers["pages"], servers.get("files"), **_index_options(plan))
        environ = {"PIP_INDEX_URL": index.url, "PIP_RESILIENT_MIRRORS": "none"}
        if authority is not None:
            environ["PIP_CERT"] = authority.write_to(environment.home / "authority.pem")
        if plan.mirrors:
            environ["PIP_RESILIENT_MIRRORS"] = f"{index.url}={servers['mirror0'].url}/simple/"
        yield OpenWorld(plan, servers, index, None, environ)


def _fill(world: OpenWorld) -> None:
    plan, index = world.plan, world.index
    for release in plan.releases:
        options = {"size": release.size}
        if release.is_sdist:
            made = index.add_sdist(release.name, release.version, **options)
        else:
            options["requires"] = release.requires
            made = index.add_wheel(release.name, release.version, **options)
        world.held[release.name, release.version] = made
    if any(release.is_sdist for release in plan.releases):
        index.add_backend()
    for made in index.distributions:
        _put_file(world.servers[plan.files_server], made, plan.files)
    for name in plan.servers:
        if name.startswith("mirror"):
            options = _index_options(plan)
            Index(world.servers[name], **options).add_all(index.distributions)


def _put_file(server: FaultServer, made: Distribution, how: str) -> None:
    """Hold a file in the way that the world sends its files."""
    options = {
        "strong": {},
        "weak": {"etag": "weak"},
        "bare": {"etag": None},
        "chunks": {"chunked": True, "accept_ranges": False},
        "whole": {"accept_ranges": False},
    }[how]
    cached = {"Cache-Control": "max-age=365000000, immutable, public"}
    server.put(made.path, made.content, headers=cached, **options)


def described(plan: World) -> str:
    """Write a world down, for a report."""
    lines = [f"world: {dataclasses.replace(plan, releases=())}"]
    lines += [f"  {release}" for release in plan.releases]
    return "\n".join(lines)
