"""Where do the wheels come from that the throw-away environments are made of?

The rule: PyPI is asked once per wheel and machine, with whatever configuration
the machine's pip has; from then on all is local.

    <cache>/wheelhouse/pip-26.3/     pip itself
    <cache>/wheelhouse/py3.13/       our two dependencies, as that Python takes them
    <cache>/wheelhouse/pip-tools-…/  a tool, with all that it requires, for that Python
    <cache>/wheelhouse/small/        twenty small wheels that everybody installs
    <cache>/wheelhouse/build-…/      what builds our wheel
    <cache>/built/<sources>/         our wheel, by the digest of what it was built from
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from functools import cache
from typing import TYPE_CHECKING

from tests.end_to_end.interpreters import whole_matrix
from tests.end_to_end.kept import CHECKOUT, cache_folder, once, step

if TYPE_CHECKING:
    from pathlib import Path

SMALL = (
    *("attrs==25.3.0", "blinker==1.9.0", "cachetools==5.5.2", "click==8.1.8", "colorama==0.4.6"),
    *("decorator==5.2.1", "filelock==3.18.0", "h11==0.16.0", "idna==3.10", "iniconfig==2.1.0"),
    *("itsdangerous==2.2.0", "packaging==25.0", "platformdirs==4.3.8", "pluggy==1.6.0"),
    *("six==1.17.0", "sniffio==1.3.1", "soupsieve==2.7", "toml==0.10.2", "wcwidth==0.2.13"),
    "zipp==3.21.0",
)
DEPENDENCIES_ARE = "PIP_RESILIENT_TEST_DEPENDENCIES"  # for others than the newest, by spaces
_SOURCES = ("pip_resilient", "pip_resilient.pth", "pyproject.toml", "docs/index.md", "LICENSE")


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
    chosen = os.environ.get(DEPENDENCIES_ARE, "")
    folder = cache_folder() / "wheelhouse" / _folder_name(f"py{python} {chosen}")
    wanted = chosen.split() or ("wrapt", "urllib3")
    once(folder, lambda into: _download(into, *wanted, python=python, alone=True))
    return folder


def tool_wheels(requirement: str, python: str) -> Path:
    """Return a folder with the wheels of a tool, pinned as `name==version`, and all it needs."""
    folder = cache_folder() / "wheelhouse" / f"{requirement.replace('==', '-')}-py{python}"
    once(folder, lambda into: _download(into, requirement, python=python))
    return folder


def small_wheels() -> list[Path]:
    """Return twenty small wheels of PyPI that any Python takes, of 6 to 98 kB."""
    folder = cache_folder() / "wheelhouse" / "small"
    once(folder, lambda into: _download(into, *SMALL, python="3.9", alone=True))
    return sorted(folder.glob("*.whl"))


def coverage_wheel(python: str) -> Path:
    """Return the wheel of the newest coverage.py for that Python."""
    folder = cache_folder() / "wheelhouse" / f"coverage-py{python}"
    once(folder, lambda into: _download(into, "coverage", python=python, alone=True))
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
    build = ("wheel", "--quiet", "--no-deps", "--wheel-dir", str(into))
    _pip(*build, str(CHECKOUT), env=building())


def building() -> dict[str, str]:
    """Return the variables under which anything that builds us finds all it needs here."""
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    requires = re.findall(r'"([^"]+)"', re.findall(r"(?m)^requires = \[(.*?)\]", text)[0])
    key = _folder_name(f"build py{_this_python()} {' '.join(requires)}")
    tools = cache_folder() / "wheelhouse" / key
    once(tools, lambda folder: _download(folder, *requires))
    local = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    local |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tools)}
    return local


def _folder_name(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text.strip())


def _this_python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _download(into: Path, *requirements: str, python: str = "", alone: bool = False) -> None:
    """Fetch wheels as the machine's own pip does, plugin off."""
    options = ["--only-binary", ":all:"]
    options += ["--python-version", python] if python else []
    options += ["--no-deps"] if alone else []
    _pip("download", "--quiet", *options, "--dest", str(into), *requirements)


def _pip(*arguments: str, env: dict[str, str] | None = None) -> None:
    """Run the pip of the Python that runs us; `env` as in `step`."""
    step(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, env=env)


def _only_wheel(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel
