"""Does pip hand the carrier to a build in an environment of its own, and to no other?

A real build is looked at end to end; here pip's seam is tried alone.
"""

from __future__ import annotations

import os
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient import carrying, sinks
from tests.pip_in_process import hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterator

SEAM = "pip._internal.build_env.installer"
OTHER = ["/other/bin/python", "pip", "install"]


class Installer(types.ModuleType):
    """Stands for pip's module; remembers what was started."""

    def __init__(self) -> None:
        super().__init__(SEAM)
        self.started: list[tuple[list[str], Any]] = []

        def call_subprocess(cmd: list[str], extra_environ: Any = None, **more: Any) -> str:
            self.started.append((cmd, extra_environ))
            return "done"

        self.call_subprocess: Any = call_subprocess


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> Installer:
    seam = Installer()
    monkeypatch.setitem(sys.modules, SEAM, seam)
    return seam


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(sinks, "say", lines.append)
    return lines


@pytest.fixture
def hooked(installer: Installer, said: list[str]) -> Iterator[Any]:
    with hooked_pip() as pip:
        pip.session().close()
        yield pip


def test_another_python_is_sent_to_the_carrier(
    hooked: Any, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pip itself hands over, and what it has put on PYTHONPATH, stays."""
    monkeypatch.setattr(carrying, "why_not", lambda: "")
    monkeypatch.setenv("PYTHONPATH", "")
    returned = installer.call_subprocess(OTHER, extra_environ={"A": "1"})
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    installer.call_subprocess(cmd=OTHER)
    there = os.pathsep.join([carrying.CARRIER, "/theirs"])

    assert returned == "done"
    assert installer.started == [
        (OTHER, {"A": "1", "PYTHONPATH": carrying.CARRIER}),
        (OTHER, {"PYTHONPATH": there}),
    ]


def test_this_python_is_left_alone(hooked: Any, installer: Installer) -> None:
    """It is reached as the parent was."""
    installer.call_subprocess([sys.executable, "pip"], extra_environ={"A": "1"})

    assert installer.started == [([sys.executable, "pip"], {"A": "1"})]


def test_a_refusal_lets_the_build_go_on(
    hooked: Any, installer: Installer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have gone on without us as well."""
    monkeypatch.setattr(carrying, "why_not", lambda: "others may write there")
    installer.call_subprocess(OTHER)

    assert installer.started == [(OTHER, None)]
    assert said == ["this build's own pip runs without us: others may write there"]


def test_it_is_wrapped_once_and_undone(installer: Installer, said: list[str]) -> None:
    """The very function that pip had is there again."""
    before = installer.call_subprocess
    with hooked_pip() as pip:
        pip.session().close()
        wrapped = installer.call_subprocess
        pip.session().close()
        again = installer.call_subprocess

    assert wrapped is not before
    assert again is wrapped
    assert installer.call_subprocess is before


@pytest.mark.parametrize("changed", [None, lambda cmd: "done", len])
def test_a_changed_seam_is_told_once_and_left(
    installer: Installer, said: list[str], changed: Any
) -> None:
    """A pip of next year still installs, and everything else of ours still works."""
    installer.call_subprocess = changed
    with hooked_pip() as pip:
        pip.session().close()
        pip.session().close()

        assert installer.call_subprocess is changed
    assert pip.surprises == []
    assert len(said) == 1
    assert "builds in virtual environments of their own run without us" in said[0]


def test_an_older_pip_has_no_such_builds(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missing there, and nothing is said."""
    monkeypatch.delitem(sys.modules, SEAM, raising=False)
    with hooked_pip() as pip:
        pip.session().close()

    assert said == []
