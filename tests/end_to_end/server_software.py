"""Which server programs can a test start as mirrors, and how do they get here?

The rule: each is fetched once per machine, in the pinned version, into the tests'
cache folder (see `wheelhouse`), with whatever configuration the machine's pip and
apt have; from then on all is local. Nothing is installed into the system: the
Python servers have an environment each, and nginx is the content of Debian's
package and nothing more, so no service is set up or started. What cannot be had
raises `NotAvailable`, which says why.

    <cache>/servers/devpi-server-6.20.3-py3.11/    an environment
    <cache>/servers/nginx/                         an unpacked package
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.end_to_end.interpreters import interpreter_of, newest_pip_for
from tests.end_to_end.wheelhouse import cache_folder, once, pip_wheel

PINNED = {
    "devpi-server": "6.20.3",
    "pypiserver": "2.4.2",
    "proxpi": "1.3.1",
}
# They need 3.10 or newer; from 3.13 on, a module that the standard library no longer has.
_PYTHONS = ("3.11", "3.12", "3.10", "3.13", "3.14")


class NotAvailable(RuntimeError):
    """A server program cannot be had on this machine; the message says why."""


def python_of(server: str) -> Path:
    """Return the Python of the environment with that server in it.

    Raises:
        NotAvailable: There is no Python for it, or it cannot be fetched.
    """
    return _settled(server) / "bin" / "python"


def nginx() -> Path:
    """Return an nginx: the machine's own, else Debian's, unpacked into the cache folder.

    Raises:
        NotAvailable: There is neither nginx nor apt, or what apt brings does not run.
    """
    on_path = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(on_path) if on_path else _settled("nginx") / "usr" / "sbin" / "nginx"


def _settled(server: str) -> Path:
    outcome = _outcome(server)
    if isinstance(outcome, str):
        raise NotAvailable(outcome)
    return outcome


@cache
def _outcome(server: str) -> Path | str:
    """Return the folder, or why there is none: to fail once costs time enough."""
    try:
        return _nginx_folder() if server == "nginx" else _python_folder(server)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        return f"{server} cannot be had: {error}"


def _python_folder(server: str) -> Path:
    python = next((one for one in _PYTHONS if interpreter_of(one)), None)
    if python is None:
        raise RuntimeError(f"no Python of {', '.join(_PYTHONS)} was found")
    version = PINNED[server]
    folder = cache_folder() / "servers" / f"{server}-{version}-py{python}"
    pip = pip_wheel(newest_pip_for(python), python) / "pip"

    def fill(into: Path) -> None:
        run(str(interpreter_of(python)), "-m", "venv", "--without-pip", str(into))
        options = ("--quiet", "--no-compile", "--only-binary", ":all:")
        run(str(into / "bin" / "python"), str(pip), "install", *options, f"{server}=={version}")

    once(folder, fill)
    return folder


def _nginx_folder() -> Path:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise RuntimeError("neither nginx nor apt is here")
    folder = cache_folder() / "servers" / "nginx"
    once(folder, _unpack_nginx)
    run(str(folder / "usr" / "sbin" / "nginx"), "-v")
    return folder


def _unpack_nginx(into: Path) -> None:
    """Fetch Debian's package with package lists of our own: root or not, apt's stay as they are."""
    with tempfile.TemporaryDirectory(prefix="pip-resilient-") as scratch:
        for needed in ("lists/partial", "cache/archives/partial"):
            Path(scratch, needed).mkdir(parents=True)
        apt = (
            *("apt-get", "-q", "-o", f"Dir::State::Lists={scratch}/lists"),
            *("-o", f"Dir::Cache={scratch}/cache", "-o", "APT::Sandbox::User="),
        )
        run(*apt, "update", cwd=scratch)
        run(*apt, "download", "nginx", cwd=scratch)
        (package,) = Path(scratch).glob("nginx_*.deb")
        run("dpkg", "-x", str(package), str(into), cwd=scratch)


def run(*argv: str, cwd: str | None = None) -> str:
    """Run a step to its end, the plugin off; return what it said.

    Raises:
        RuntimeError: It failed; the message holds what it said.
    """
    env = {name: value for name, value in os.environ.items() if name[:13] != "PIP_RESILIENT"}
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=env,
        cwd=cwd or tempfile.gettempdir(),
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")
    return done.stdout
