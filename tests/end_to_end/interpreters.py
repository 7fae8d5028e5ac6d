"""Which pip is tried on which Python?

The rule: every pip of the matrix runs once, spread so that all interpreters of
the machine are used, and every interpreter runs the newest pip that it can; with
`PIP_RESILIENT_TEST_MATRIX=whole`, as nox sets it, also the oldest. A machine with
fewer interpreters runs the same pips on what it has. A pip that fits none of them,
and a Python that is not there, stay in the matrix as a cell without an interpreter,
so that they show up as a skip and never silently vanish.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.end_to_end import debian_pythons

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE = "PIP_RESILIENT_TEST_MATRIX"
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")

# pip, the Python that it is tried on, and the first and last one that it runs on
# at all: pip < 23.1 dies on 3.12 (pkgutil.ImpImporter is gone).
PIPS = (
    ("20.3.4", "3.9", "3.9", "3.11"),
    ("21.3.1", "3.9", "3.9", "3.11"),
    ("22.3.1", "3.10", "3.9", "3.11"),
    ("23.0.1", "3.11", "3.9", "3.11"),
    ("24.0", "3.12", "3.9", "3.13"),
    ("25.0.1", "3.12", "3.9", "3.14"),
    ("25.3", "3.11", "3.9", "3.15"),
    ("26.0.1", "3.9", "3.9", "3.15"),
    ("26.1.2", "3.13", "3.10", "3.15"),
    ("26.3", "3.13", "3.10", "3.15"),
)

# Says which Python it is; fails where venv has been split off and left out.
_PROBE = """
import sys, venv
assert sys.implementation.name == "cpython"
print("%d.%d" % sys.version_info[:2])
"""


@dataclass(frozen=True)
class Cell:
    """One pip on one Python of the matrix; `interpreter` is None where none was found."""

    pip: str
    python: str
    interpreter: Path | None

    @property
    def id(self) -> str:
        """The name of the cell in pytest's output."""
        return f"pip-{self.pip}-py{self.python}"

    @property
    def absence(self) -> str:
        """Why nothing runs in this cell; empty if it has an interpreter."""
        if self.interpreter:
            return ""
        said = f"no Python {self.python} for pip {self.pip} on this machine"
        if self.python in debian_pythons.PYTHONS:
            said += f" (python -m {debian_pythons.__name__} fetches one where it can)"
        return said


@cache
def interpreter_of(python: str) -> Path | None:
    """Return an interpreter of that minor version that can make environments, or None."""
    seen: set[Path] = set()
    for candidate in _candidates(python):
        if candidate in seen or not candidate.exists():
            continue
        seen.add(candidate)
        try:
            probe = subprocess.run(
                [str(candidate), "-I", "-c", _PROBE],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if probe.returncode == 0 and probe.stdout.strip() == python:
            return candidate
    return None


def _candidates(python: str) -> Iterator[Path]:
    """Yield where an interpreter may be; pyenv's folders first: its shims on PATH are slow."""
    if python == f"{sys.version_info[0]}.{sys.version_info[1]}":
        yield Path(sys.executable)
    for home in (os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"):
        if home:
            found = Path(home, "versions").glob(f"{python}.*/bin/python{python}")
            yield from sorted(found, key=_patch_level, reverse=True)
    on_path = shutil.which(f"python{python}")
    if on_path:
        yield Path(on_path)
    yield debian_pythons.place_of(python)


def _patch_level(executable: Path) -> tuple[int, ...]:
    """Order 3.9.18 above 3.9.2; a version with letters in it comes last."""
    version = executable.parents[1].name.split(".")
    return tuple(int(part) if part.isdigit() else -1 for part in version)


@cache
def pip_matrix() -> tuple[Cell, ...]:
    """Return one cell per pip, oldest pip first."""
    return tuple(_cell(*row) for row in PIPS)


def python_matrix() -> tuple[Cell, ...]:
    """Return one cell per interpreter of this machine, with the newest pip that runs there."""
    return tuple(cell for cell in every_python() if cell.interpreter)


def every_python() -> tuple[Cell, ...]:
    """Return one cell per Python that we support, there or not, with its newest pip."""
    return tuple(cell_of(newest_pip_for(python), python) for python in PYTHONS)


def is_whole() -> bool:
    """Tell whether this run tries more than what a change must pass in a quarter of an hour."""
    return os.environ.get(WHOLE) == "whole"


def whole_matrix() -> tuple[Cell, ...]:
    """Return the cells that this run is to try, each once."""
    cells = pip_matrix() + every_python()
    if is_whole():
        cells += tuple(cell_of(oldest_pip_for(python), python) for python in PYTHONS)
    return tuple(dict.fromkeys(cells))


def newest_pip_for(python: str) -> str:
    """Return the newest pip of the matrix that runs on that Python."""
    return next(row[0] for row in reversed(PIPS) if _runs_on(row, python))


def oldest_pip_for(python: str) -> str:
    """Return the oldest pip of the matrix that runs on that Python."""
    return next(row[0] for row in PIPS if _runs_on(row, python))


def cell_of(pip: str, python: str | None = None) -> Cell:
    """Return the cell of that pip: on that Python, or else on the one that the matrix gives it."""
    row = next((row for row in PIPS if row[0] == pip), None)
    if row is None:
        known = ", ".join(each[0] for each in PIPS)
        raise ValueError(f"pip {pip} is not in the matrix ({known})")
    return _cell(*row) if python is None else Cell(pip, python, interpreter_of(python))


def _cell(pip: str, preferred: str, first: str, last: str) -> Cell:
    """Put a pip on the Python it is meant for, or on the nearest one that is there."""
    row = (pip, preferred, first, last)
    suitable = [python for python in PYTHONS if _runs_on(row, python)]
    wanted = PYTHONS.index(preferred)
    suitable.sort(key=lambda python: abs(PYTHONS.index(python) - wanted))
    for python in suitable:
        if interpreter_of(python):
            return Cell(pip, python, interpreter_of(python))
    return Cell(pip, preferred, None)


def _runs_on(row: tuple[str, str, str, str], python: str) -> bool:
    return PYTHONS.index(row[2]) <= PYTHONS.index(python) <= PYTHONS.index(row[3])
