"""Which commands does the carrier not reach, and what works instead?

The rule: judged by the command's first words alone, since what a script starts
cannot be known. What is said is true of tox 4, pipx 1.18 and virtualenv 21; a recipe is one that
the end-to-end tests have run.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PYTHON = re.compile(r"(python|pypy)[\d.]*t?w?\Z")
_TAKES_A_VALUE = "WX"
_ENDS_OPTIONS = "cm"
_TOX_FILES = ("tox.ini", "tox.toml", "pyproject.toml", "setup.cfg")
_TOX_HANDS_ON = "{section}.pass_env+=PYTHONPATH,PIP_RESILIENT,PIP_RESILIENT_*"
_TOX_INSTALL = "{section}.install_command=python -m pip install {{opts}} {{packages}}"
_PIPX = (
    "pipx removes PYTHONPATH, so its pip is not reached. This works: "
    "PIP_RESILIENT=1 pipx install --preinstall pip-resilient APP"
)
_VIRTUALENV = (
    "virtualenv --download runs pip with a PYTHONPATH of its own, so that pip is not reached. "
    "This works: leave out --download, then pip install --upgrade pip in the new environment"
)
_SUDO = (
    "sudo clears the environment, so what it starts is not reached. This works: "
    "sudo pip-resilient run -- COMMAND"
)


class Reach(NamedTuple):
    """What to tell before a command is started, and the environment to start it in."""

    notices: tuple[str, ...]
    environ: Mapping[str, str]


def of(words: Sequence[str], environ: Mapping[str, str], folder: str) -> Reach:
    """Judge a command.

    Args:
        words: The command.
        environ: That it would be started in.
        folder: That it would be started in, for tox's own configuration.
    """
    name = _name_of(words[0])
    flags = ""
    if _PYTHON.match(name):
        flags, name = _options_of(words[1:])
    ignores = "".join(flag for flag in "IES" if flag in flags)
    if ignores:
        return Reach((_isolated(ignores),), environ)
    if name == "tox":
        return _tox(environ, folder)
    if name == "virtualenv" and "--download" in words:
        return Reach((_VIRTUALENV,), environ)
    said = {"pipx": _PIPX, "sudo": _SUDO}.get(name)
    return Reach((said,) if said else (), environ)


def _name_of(word: str) -> str:
    name = os.path.basename(word).lower()
    return name.removesuffix(".exe")


def _options_of(words: Sequence[str]) -> tuple[str, str]:
    """Return Python's own options, as letters, and the module that `-m` names."""
    flags = ""
    waiting = list(words)
    while waiting and waiting[0].startswith("-") and waiting[0] != "-":
        word = waiting.pop(0)
        for at, letter in enumerate(word[1:] if not word.startswith("--") else "", 2):
            if letter in _ENDS_OPTIONS:
                value = word[at:] or (waiting or [""])[0]
                return flags, value if letter == "m" else ""
            if letter in _TAKES_A_VALUE:
                waiting = waiting if word[at:] else waiting[1:]
                break
            flags += letter
    return flags, ""


def _isolated(flags: str) -> str:
    shown = " ".join(f"-{flag}" for flag in flags)
    said = f"python {shown} ignores PYTHONPATH, so this Python is not reached. This works: "
    if "S" in flags:
        return said + f"leave out {shown}"
    return said + "PIP_RESILIENT=1, with pip-resilient installed in that Python's own environment"


def _tox(environ: Mapping[str, str], folder: str) -> Reach:
    """Let tox 4 install by a Python that can be reached; it runs `python -I -m pip` otherwise."""
    if environ.get("TOX_OVERRIDE"):
        said = "tox is not reached: it runs python -I, and TOX_OVERRIDE is yours. Add to it: "
        return Reach((said + _override((_TOX_INSTALL, _TOX_HANDS_ON)),), environ)
    if any(_says_install_command(os.path.join(folder, name)) for name in _TOX_FILES):
        said = "tox is given PYTHONPATH (TOX_OVERRIDE); your own install_command stays as it is, "
        said += "and is reached unless it runs python -I"
        return Reach((said,), {**environ, "TOX_OVERRIDE": _override((_TOX_HANDS_ON,))})
    said = "tox installs by `python -m pip`, not by `python -I -m pip`, in this run (TOX_OVERRIDE)"
    return Reach((said,), {**environ, "TOX_OVERRIDE": _override((_TOX_INSTALL, _TOX_HANDS_ON))})


def _override(forms: Sequence[str]) -> str:
    """Write TOX_OVERRIDE; tox builds the project in an environment of another section."""
    return ";".join(form.format(section=one) for one in ("testenv", "pkgenv") for form in forms)


def _says_install_command(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "install_command" in file.read()
    except OSError:
        return False
