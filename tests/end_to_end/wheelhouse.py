"""Where do the wheels come from that the throw-away environments are made of?

The rule: PyPI is asked once per wheel and machine, with whatever configuration
the machine's pip has; from then on all is local. Every folder of wheels is
filled under another name and renamed when complete, so a folder that exists is
whole: an interrupted run leaves nothing to trust, and of two runs at once the
second one to finish throws its copy away.

    <cache>/wheelhouse/pip-26.3/     pip itself
    <cache>/wheelhouse/py3.13/       our two dependencies, as that Python takes them
    <cache>/wheelhouse/pipenv-…/     the newest pipenv for that Python
    <cache>/wheelhouse/build-…/      what builds our wheel
    <cache>/built/<sources>/         our wheel, by the digest of what it was built from
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.end_to_end.interpreters import whole_matrix

if TYPE_CHECKING:
    from typing import Callable

CHECKOUT = Path(__file__).resolve().parents[2]
DEPENDENCIES = ("wrapt", "urllib3")
_SOURCES = ("pip_resilient", "pip_resilient.pth", "pyproject.toml", "README.md", "LICENSE")


def cache_folder() -> Path:
    """Return the folder kept between runs; `PIP_RESILIENT_TEST_CACHE` moves it."""
    return Path(os.environ.get("PIP_RESILIENT_TEST_CACHE") or CHECKOUT / ".cache").resolve()


def wheelhouse() -> Path:
    """Return the folder with the wheels of the whole matrix, fetching what is missing."""
    for cell in whole_matrix():
        if cell.interpreter:
            pip_wheel(cell.pip, cell.python)
            dependency_wheels(cell.python)
    return cache_folder() / "wheelhouse"


def pip_wheel(pip: str, python: str) -> Path:
    """Return the wheel of that pip; it is the same file for every Python that it supports."""
    folder = cache_folder() / "wheelhouse" / f"pip-{pip}"
    once(folder, lambda into: _download(into, f"pip=={pip}", python=python, alone=True))
    return _only_wheel(folder)


def dependency_wheels(python: str) -> Path:
    """Return the folder with wrapt and urllib3 for that Python."""
    folder = cache_folder() / "wheelhouse" / f"py{python}"
    once(folder, lambda into: _download(into, *DEPENDENCIES, python=python, alone=True))
    return folder


def pipenv_wheel(python: str) -> Path:
    """Return a wheel of pipenv for that Python; its own dependencies are of no use to its pip."""
    folder = cache_folder() / "wheelhouse" / f"pipenv-py{python}"
    once(folder, lambda into: _download(into, "pipenv", python=python, alone=True))
    return _only_wheel(folder)


@cache
def built_wheel() -> Path:
    """Return this checkout's wheel, built anew whenever one of its sources has changed."""
    folder = cache_folder() / "built" / _digest_of_sources()
    once(folder, _build)
    return _only_wheel(folder)


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for name in _SOURCES:
        top = CHECKOUT / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(CHECKOUT)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _build(into: Path) -> None:
    """Build as pip builds for a user, in isolation, but from the wheelhouse."""
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    requires = re.findall(r'"([^"]+)"', re.findall(r"(?m)^requires = \[(.*?)\]", text)[0])
    key = re.sub(r"[^\w.]+", "-", "-".join(requires))
    tools = cache_folder() / "wheelhouse" / f"build-py{_this_python()}-{key}"
    once(tools, lambda folder: _download(folder, *requires))
    local = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    local["PIP_CONFIG_FILE"] = os.devnull
    build = ("wheel", "--quiet", "--no-deps", "--no-index", "--find-links", str(tools))
    _pip(*build, "--wheel-dir", str(into), str(CHECKOUT), env=local)


def _this_python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _download(into: Path, *requirements: str, python: str = "", alone: bool = False) -> None:
    """Fetch wheels as the machine's own pip does, plugin off."""
    options = ["--only-binary", ":all:"]
    options += ["--python-version", python] if python else []
    options += ["--no-deps"] if alone else []
    env = {k: v for k, v in os.environ.items() if not k.startswith("PIP_RESILIENT")}
    _pip("download", "--quiet", *options, "--dest", str(into), *requirements, env=env)


def _pip(*arguments: str, env: dict[str, str]) -> None:
    """Run the pip of the Python that runs us, and show what it said where it fails."""
    argv = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    with tempfile.TemporaryDirectory(prefix="pip-resilient-") as elsewhere:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=env,
            cwd=elsewhere,
            timeout=600,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")


def once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder unless it is there, so that nobody ever sees it half full."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        fill(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another run was faster, and its copy is as good
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _only_wheel(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel
