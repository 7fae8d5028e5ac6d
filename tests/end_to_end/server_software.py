"""Which programs of others can a test start, servers and tools, and how do they get here?

The rule: each is fetched once per machine, in the pinned version, into the tests'
cache folder (see `wheelhouse`), with whatever configuration the machine's pip and
apt have; from then on all is local. Nothing is installed into the system: the
Python programs have an environment each, and nginx and tinyproxy are the content of
Debian's packages and nothing more, so no service is set up or started. What cannot
be had raises `NotAvailable`, which says why.

    <cache>/servers/devpi-server-6.20.3-py3.11/    an environment
    <cache>/servers/nginx/                         an unpacked package, as tinyproxy/ is
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.end_to_end.interpreters import interpreter_of, newest_pip_for
from tests.end_to_end.kept import cache_folder, once, step
from tests.end_to_end.wheelhouse import pip_wheel

PINNED = {
    "devpi-server": "6.20.3",
    "pypiserver": "2.4.2",
    "proxpi": "1.3.1",
    # No servers, but what starts pip, brings one, or starts beside it; see `tools`.
    "build": "1.6.1",
    "coverage": "7.17.3",
    "ipykernel": "7.4.0",
    "ipython": "9.18.1",
    "nox": "2026.10.20",
    "pip-system-certs": "5.3",
    "pip-tools": "7.6.2",
    "pipenv": "2026.10.3",
    "pipx": "1.18.4",
    "pre-commit": "4.7.0",
    "setuptools": "84.2.1",
    "tox": "4.67.15",
    "truststore": "0.10.5",
    "virtualenv": "21.15.8",
    "zc.buildout": "6.0.1",
    "zc.recipe.egg": "6.0.0",
    # Looks into TLS, as the proxies of companies do.
    "mitmproxy": "12.2.3",
}
# They need 3.10 or newer; from 3.13 on, a module that the standard library no longer has.
_PYTHONS = ("3.11", "3.12", "3.10", "3.13", "3.14")
_OTHER_PYTHONS = {"mitmproxy": ("3.12", "3.13", "3.14")}
# Debian's packages, and where they have the programs.
_OF_DEBIAN = {
    "nginx": ("nginx", "usr/sbin/nginx"),
    "tinyproxy": ("tinyproxy-bin", "usr/bin/tinyproxy"),
}


class NotAvailable(RuntimeError):
    """A server program cannot be had on this machine; the message says why."""


def python_of(server: str) -> Path:
    """Return the Python of the environment with that server in it.

    Raises:
        NotAvailable: There is no Python for it, or it cannot be fetched.
    """
    return _settled(server) / "bin" / "python"


def python_for(server: str) -> str:
    """Return the version of the Python that a server or tool has an environment of.

    Raises:
        NotAvailable: There is none on this machine that it runs on.
    """
    pythons = _OTHER_PYTHONS.get(server, _PYTHONS)
    python = next((one for one in pythons if interpreter_of(one)), None)
    if python is None:
        raise NotAvailable(f"no Python of {', '.join(pythons)} was found for {server}")
    return python


def nginx() -> Path:
    """Return an nginx: the machine's own, else Debian's, unpacked into the cache folder.

    Raises:
        NotAvailable: There is neither nginx nor apt, or what apt brings does not run.
    """
    return _of_debian("nginx")


def tinyproxy() -> Path:
    """Return a tinyproxy, as `nginx` does; errors too."""
    return _of_debian("tinyproxy")


def _of_debian(program: str) -> Path:
    on_path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(on_path) if on_path else _settled(program) / _OF_DEBIAN[program][1]


def _settled(server: str) -> Path:
    outcome = _outcome(server)
    if isinstance(outcome, str):
        raise NotAvailable(outcome)
    return outcome


@cache
def _outcome(server: str) -> Path | str:
    """Return the folder, or why there is none: to fail once costs time enough."""
    try:
        return _debian_folder(server) if server in _OF_DEBIAN else _python_folder(server)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        return f"{server} cannot be had: {error}"


def _python_folder(server: str) -> Path:
    python = python_for(server)
    version = PINNED[server]
    folder = cache_folder() / "servers" / f"{server}-{version}-py{python}"
    pip = pip_wheel(newest_pip_for(python), python) / "pip"

    def fill(into: Path) -> None:
        step(str(interpreter_of(python)), "-m", "venv", "--without-pip", str(into))
        options = ("--quiet", "--no-compile", "--only-binary", ":all:")
        step(str(into / "bin" / "python"), str(pip), "install", *options, f"{server}=={version}")

    once(folder, fill)
    return folder


def _debian_folder(program: str) -> Path:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise RuntimeError(f"neither {program} nor apt is here")
    folder = cache_folder() / "servers" / program
    package, path = _OF_DEBIAN[program]
    once(folder, lambda into: _unpack(package, into))
    step(str(folder / path), "-v")
    return folder


def _unpack(package: str, into: Path) -> None:
    """Fetch Debian's package with package lists of our own: root or not, apt's stay as they are."""
    with tempfile.TemporaryDirectory(prefix="pip-resilient-") as scratch:
        for needed in ("lists/partial", "cache/archives/partial"):
            Path(scratch, needed).mkdir(parents=True)
        apt = (
            *("apt-get", "-q", "-o", f"Dir::State::Lists={scratch}/lists"),
            *("-o", f"Dir::Cache={scratch}/cache", "-o", "APT::Sandbox::User="),
        )
        step(*apt, "update", cwd=scratch)
        step(*apt, "download", package, cwd=scratch)
        (archive,) = Path(scratch).glob(f"{package}_*.deb")
        step("dpkg", "-x", str(archive), str(into), cwd=scratch)
