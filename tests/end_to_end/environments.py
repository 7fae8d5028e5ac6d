"""How does a test get a real pip, with our wheel beside it, and nothing of this machine's?

The rule: what a test sees depends on the pip, the Python and the wheel alone. An
environment is made by that pip itself from local wheels, in a folder that only
this process knows and that goes with it, so no run can trust what another one
left half made. What it runs gets its own home, temporary folder and process
group, none of this machine's settings, and starts outside the checkout (there
`import pip_resilient` would find the work tree, and the `.pth` would go untested).

This module needs no pytest: the benchmarks use it too.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.end_to_end.wheelhouse import (
    built_wheel,
    coverage_wheel,
    dependency_wheels,
    pip_wheel,
    wheelhouse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.end_to_end.interpreters import Cell

__all__ = [
    "Environment",
    "built_wheel",
    "environment_of",
    "left_of_ours",
    "our_lines",
    "remove_environments",
    "wheelhouse",
]

# What a child may know of this machine: nothing of pip, Python, CI or proxies.
_KEPT = ("LD_LIBRARY_PATH", "SYSTEMROOT", "COMSPEC", "PATHEXT")
# Set where the tests' coverage is measured; the children's counts.
_MEASURING = ("COVERAGE_PROCESS_START", "COVERAGE_FILE")
_MEASURE = "import coverage; coverage.process_startup()\n"
_BIN = "Scripts" if os.name == "nt" else "bin"


def let_ctrl_c_arrive() -> None:
    """Let what we start hear Ctrl-C: a shell's background job has it ignored, and hands that on."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def our_lines(stderr: str) -> list[str]:
    """Return the lines that the plugin itself has written."""
    return [line for line in stderr.splitlines() if "pip-resilient:" in line]


def left_of_ours(environment: Environment) -> list[str]:
    """Return the names of what lies in the environment and carries our name."""
    folders = (environment.site_packages, environment.executable.parent)
    names = [path.name for folder in folders for path in folder.iterdir()]
    return [name for name in names if name.lower().replace("-", "_").startswith("pip_resilient")]


@cache
def session_folder() -> Path:
    """Return this process's folder for environments; it is removed with the process."""
    folder = Path(tempfile.mkdtemp(prefix="pip-resilient-")).resolve()
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a fork
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def remove_environments() -> None:
    """Remove all environments of this process; who asks for one afterwards gets a new one."""
    shutil.rmtree(session_folder(), ignore_errors=True)
    session_folder.cache_clear()
    environment_of.cache_clear()


@cache
def environment_of(cell: Cell, *, plugin: bool = True) -> Environment:
    """Return the environment of a cell, made when it is first asked for.

    It is shared by the whole process: take `with_fresh_home()` before running
    anything in it that stores, and a `throw_away_copy()` before changing it.
    """
    if cell.interpreter is None:
        raise LookupError(cell.absence)
    name = cell.id if plugin else f"{cell.id}-plain"
    made = Environment(cell.pip, cell.python, session_folder() / name / "venv", Path())
    made = made.with_fresh_home()
    _create(made, cell.interpreter, plugin=plugin)
    return made


def _create(made: Environment, interpreter: Path, *, plugin: bool) -> None:
    """Make the environment with no pip at all, then let each wheel in by pip itself."""
    _insist(made.run(str(interpreter), "-m", "venv", "--clear", "--without-pip", str(made.root)))
    wheel = pip_wheel(made.pip_version, made.python_version)
    options = ("install", "--quiet", "--no-index", "--no-deps", "--no-compile")
    _insist(made.run("python", str(wheel / "pip"), *options, str(wheel), armed=False))
    if plugin:
        ours = built_wheel()
        version = ours.name.split("-")[1]
        links = ("--find-links", str(ours.parent))
        links += ("--find-links", str(dependency_wheels(made.python_version)))
        wanted = f"pip-resilient=={version}"
        _insist(made.pip("install", "--quiet", "--no-index", *links, wanted, armed=False))
        if _MEASURING[0] in os.environ:
            measuring = str(coverage_wheel(made.python_version))
            _insist(made.pip(*options, measuring, armed=False))
            # The name comes before ours, so that our own line is measured too; coverage's
            # wheels bring such a file only from 7.13, which Python 3.9 cannot have.
            (made.site_packages / "a_measured.pth").write_text(_MEASURE)


def _insist(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise RuntimeError(f"{' '.join(done.args)}\n{done.stdout}{done.stderr}")


@dataclass(frozen=True)
class Environment:
    """A virtual environment with one pip in it, and the home that its processes see."""

    pip_version: str
    python_version: str
    root: Path
    home: Path

    @property
    def id(self) -> str:
        """The name of the cell that this environment stands for."""
        return f"pip-{self.pip_version}-py{self.python_version}"

    @property
    def executable(self) -> Path:
        """The environment's Python."""
        return self.root / _BIN / "python"

    @property
    def site_packages(self) -> Path:
        """The folder that pip installs into."""
        if os.name == "nt":
            return self.root / "Lib" / "site-packages"
        return self.root / "lib" / f"python{self.python_version}" / "site-packages"

    @property
    def pip_cache(self) -> Path:
        """The cache folder that pip chooses by itself under this home."""
        return self.home / ("Library/Caches/pip" if sys.platform == "darwin" else ".cache/pip")

    @property
    def work(self) -> Path:
        """The current folder of what runs here, unless another one is asked for."""
        return self.home / "work"

    def with_fresh_home(self) -> Environment:
        """Return the same environment seen from a new home: no cache, no settings."""
        session_folder().mkdir(exist_ok=True)
        home = Path(tempfile.mkdtemp(prefix="home-", dir=session_folder()))
        for folder in ("tmp", "work"):
            (home / folder).mkdir()
        return replace(self, home=home)

    def fresh_cache(self) -> Path:
        """Empty pip's cache, and return its folder, which does not exist now."""
        shutil.rmtree(self.pip_cache, ignore_errors=True)
        return self.pip_cache

    @contextmanager
    def throw_away_copy(self) -> Iterator[Environment]:
        """Lend a copy, with its own home, that a test may damage; it is removed afterwards."""
        fresh = self.with_fresh_home()
        root = fresh.home / "venv"
        shutil.copytree(self.root, root, symlinks=True)
        for script in (root / _BIN).iterdir():
            if script.is_file() and not script.is_symlink():
                text = script.read_bytes()
                if os.fsencode(self.root) in text:
                    script.write_bytes(text.replace(os.fsencode(self.root), os.fsencode(root)))
        try:
            yield replace(fresh, root=root)
        finally:
            shutil.rmtree(fresh.home, ignore_errors=True)

    def environ(self, *, armed: bool, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the whole environment of a child, for a test that starts one itself."""
        clean = {name: os.environ[name] for name in (*_KEPT, *_MEASURING) if name in os.environ}
        clean["PATH"] = os.pathsep.join([str(self.root / _BIN), os.environ.get("PATH", os.defpath)])
        clean["HOME"] = str(self.home)
        clean["TMPDIR"] = str(self.home / "tmp")
        clean["PIP_CONFIG_FILE"] = os.devnull
        clean["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        clean["PIP_NO_INPUT"] = "1"
        if armed:
            clean["PIP_RESILIENT"] = "1"
        return {**clean, **(extra or {})}

    def pip(
        self,
        *arguments: str,
        armed: bool = True,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m pip` and return what it said, stdout and stderr apart."""
        return self.run(
            "python", "-m", "pip", *arguments, armed=armed, env=env, cwd=cwd, timeout=timeout
        )

    def python(
        self,
        code: str,
        *,
        armed: bool = True,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run a piece of Python in the environment."""
        return self.run("python", "-c", code, armed=armed, env=env, cwd=cwd, timeout=timeout)

    def run(
        self,
        *argv: str,
        armed: bool = True,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run any command; one that the environment has itself is taken from there.

        Raises:
            TimeoutError: It took longer; the whole process group is gone, and the
                message holds what it had said.
        """
        with self.started(*argv, armed=armed, env=env, cwd=cwd) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                late = True
                _end_group(process)
                out, err = process.communicate()
            else:
                late = False
        text, errors = (raw.decode("utf-8", "backslashreplace") for raw in (out, err))
        if late:
            raise TimeoutError(f"{' '.join(argv)}: over {timeout:.0f} s\n{text}{errors}")
        return subprocess.CompletedProcess(argv, process.returncode, text, errors)

    @contextmanager
    def started(
        self,
        *argv: str,
        armed: bool = True,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a command as `run` does; at the end it is killed, with all that it has started."""
        own = self.root / _BIN / argv[0]
        process = subprocess.Popen(
            (str(own) if own.exists() else argv[0], *argv[1:]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environ(armed=armed, extra=env),
            cwd=cwd or self.work,
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it has started; a test leaves no process behind."""
    if os.name == "nt":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS: what is left is a zombie
        return
