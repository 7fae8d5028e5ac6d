"""Who takes part: which programs install the same wheel from the same bad server?

The rule: each gets a new home, no settings but the address of the index, and its own
defaults. Where there is a spare, each is told of it in the way that it has: an armed
pip by its setting, the others by a further index (where that is asked for at all).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from tests.end_to_end.environments import Environment, environment_of
from tests.end_to_end.interpreters import PIPS, Cell, cell_of, newest_pip_for, python_matrix
from tests.end_to_end.kept import cache_folder, once, step
from tests.end_to_end.server_software import NotAvailable
from tests.end_to_end.wheelhouse import pip_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

UV = "uv"


@dataclass(frozen=True)
class Order:
    """What is to be installed, and from where.

    Attributes:
        names: The projects.
        index: The URL of the index.
        spare: The URL of the index that may stand in for it, or None.
        beside: Whether those who know no spares get it as a further index.
        certificate: The file of whoever vouches for the hosts, or None: no TLS.
    """

    names: tuple[str, ...]
    index: str
    spare: str | None = None
    beside: bool = False
    certificate: str | None = None


class Client(Protocol):
    """A program that installs wheels."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    @property
    def title(self) -> str:
        """What the table calls it."""

    @property
    def python(self) -> str:
        """The version of the Python that it runs on, or installs for."""

    @property
    def home(self) -> Path:
        """Everything that it writes is below."""

    def with_fresh_home(self) -> Client:
        """Return it as it is at its first start."""

    def argv(self, order: Order) -> list[str]:
        """Return the command that installs into `target`."""

    def environ(self, order: Order) -> dict[str, str]:
        """Return the whole environment of that command."""


def target(client: Client) -> Path:
    """Return the folder that a client installs into."""
    return client.home / "work" / "target"


@dataclass(frozen=True)
class InEnvironment:
    """A client that installs for the Python of an environment."""

    environment: Environment

    @property
    def python(self) -> str:
        """The environment's."""
        return self.environment.python_version

    @property
    def home(self) -> Path:
        """The environment's."""
        return self.environment.home

    def with_fresh_home(self) -> Self:
        """Return it with nothing cached."""
        return replace(self, environment=self.environment.with_fresh_home())


@dataclass(frozen=True)
class Pip(InEnvironment):
    """Stock pip, with the plugin installed and on, or without it."""

    armed: bool

    @property
    def name(self) -> str:
        """`pip-26.3`, or `armed-26.3`."""
        return f"{'armed' if self.armed else 'pip'}-{self.environment.pip_version}"

    @property
    def title(self) -> str:
        """`pip 26.3`, or `pip 26.3 + plugin`."""
        return f"pip {self.environment.pip_version}{' + plugin' if self.armed else ''}"

    def argv(self, order: Order) -> list[str]:
        """Return `pip install --target`."""
        options = ["--no-deps", "--no-compile", "--progress-bar", "off"]
        options += ["--target", str(target(self)), "--index-url", order.index]
        if order.spare and order.beside and not self.armed:
            options += ["--extra-index-url", order.spare]
        return [str(self.environment.executable), "-m", "pip", "install", *options, *order.names]

    def environ(self, order: Order) -> dict[str, str]:
        """Return the environment, with the spare declared where there is one."""
        extra = {"PIP_CERT": order.certificate} if order.certificate else {}
        if self.armed and order.spare:
            extra["PIP_RESILIENT_MIRRORS"] = f"{order.index}={order.spare}"
        return self.environment.environ(armed=self.armed, extra=extra)


@dataclass(frozen=True)
class Uv(InEnvironment):
    """uv, installing for the Python of an environment."""

    executable: Path
    version: str

    @property
    def name(self) -> str:
        """Without its version: it is always the newest."""
        return UV

    @property
    def title(self) -> str:
        """`uv 0.13.8`."""
        return f"uv {self.version}"

    def argv(self, order: Order) -> list[str]:
        """Return `uv pip install --target`."""
        options = ["--no-deps", "--no-progress", "--python", str(self.environment.executable)]
        options += ["--target", str(target(self))]
        if order.spare and order.beside:  # the default index is the last that uv asks
            options += ["--index", order.index, "--default-index", order.spare]
        else:
            options += ["--default-index", order.index]
        return [str(self.executable), "pip", "install", *options, *order.names]

    def environ(self, order: Order) -> dict[str, str]:
        """Return the environment, with no settings in it and the cache below the home."""
        own = {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
        own["UV_CACHE_DIR"] = str(self.home / "uv")
        if order.certificate:
            own["SSL_CERT_FILE"] = order.certificate
        return self.environment.environ(armed=False, extra=own)


def cells() -> tuple[Cell, Cell]:
    """Return the oldest pip, and the newest on the newest Python that there is."""
    python = python_matrix()[-1].python
    return cell_of(PIPS[0][0]), cell_of(newest_pip_for(python), python)


def names() -> list[str]:
    """Return what the clients are called, plain before armed."""
    pips = [cell.pip for cell in cells()]
    return [*(f"pip-{pip}" for pip in pips), UV, *(f"armed-{pip}" for pip in pips)]


def client_of(name: str) -> Client:
    """Return a client, made or fetched where it is not here yet.

    Raises:
        NotAvailable: It cannot be had; the message says why.
    """
    if name == UV:
        return _uv()
    kind, _, pip = name.partition("-")
    cell = next(cell for cell in cells() if cell.pip == pip)
    if cell.interpreter is None:
        raise NotAvailable(cell.absence)
    return Pip(environment_of(cell, plugin=kind == "armed"), armed=kind == "armed")


def _uv() -> Uv:
    """Fetch the newest uv with the machine's own settings, or take the one that was fetched."""
    python = python_matrix()[-1]
    folder = cache_folder() / "uv"
    pip = pip_wheel(python.pip, python.python) / "pip"
    once(folder, _make_environment)
    executable = folder / "bin" / "uv"
    options = ("--quiet", "--upgrade", "--no-deps", "--only-binary", ":all:")
    try:
        step(str(folder / "bin" / "python"), str(pip), "install", *options, "uv")
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        if not executable.exists():
            raise NotAvailable(f"uv cannot be had: {error}") from error
    version = step(str(executable), "--version").split()[1]
    return Uv(environment_of(cells()[1], plugin=False), executable, version)


def _make_environment(into: Path) -> None:
    step(sys.executable, "-m", "venv", "--without-pip", str(into))


@dataclass(frozen=True)
class BareReader(InEnvironment):
    """Nobody's package manager: it reads one file and throws it away, as fast as it comes."""

    url: str
    name: str = "bare"
    title: str = "a bare reader"

    def argv(self, order: Order) -> list[str]:
        """Return a command that asks for the file alone."""
        return [str(self.environment.executable), "-c", _READER, self.url]

    def environ(self, order: Order) -> dict[str, str]:
        """Return the environment of a plain pip."""
        extra = {"SSL_CERT_FILE": order.certificate} if order.certificate else {}
        return self.environment.environ(armed=False, extra=extra)


_READER = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as response:
    into = bytearray(1 << 18)
    while response.readinto(into):
        pass
"""


def forget(client: Client) -> None:
    """Remove what a client has written."""
    shutil.rmtree(client.home, ignore_errors=True)
