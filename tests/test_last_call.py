"""Is what a child told still told where pip 26.3 blocks imports before it installs?

The rule: each case is a Python of its own, since what is imported stays so.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pip_resilient.children import VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

LOADS = "import sys, pip_resilient.last_call; print('pip_resilient.wing' in sys.modules)"


def is_wing_loaded(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Import the module as pip does, in a Python of that environment."""
    monkeypatch.delenv(VARIABLE, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True)

    assert done.stderr == ""
    return done.stdout == "True\n"


def test_what_a_child_told_will_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the run nothing can be imported any more."""
    told = tmp_path / "told"
    told.write_text("{}\n")

    assert is_wing_loaded({VARIABLE: str(told)}, monkeypatch)


@pytest.mark.parametrize("there", ["nothing is named", "no file", "an empty file"])
def test_a_healthy_run_loads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    """It would pay for the whole wing, for each install."""
    told = tmp_path / "told"
    if there == "an empty file":
        told.touch()
    environ = {} if there == "nothing is named" else {VARIABLE: str(told)}

    assert not is_wing_loaded(environ, monkeypatch)
