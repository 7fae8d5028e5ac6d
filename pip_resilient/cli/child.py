"""How is this environment's pip asked something?

The rule: as a process of its own, not armed with this plugin where that is not
the very question, and for a limited time: a pip that hangs must not make its
doctor hang. What a pip that does not start cannot say is looked up in its
files, without running them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pip_resilient.cli import pip_config
from pip_resilient.cli.asking import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOO_LATE = -1
"""Stands for the exit code of a process that was ended, since it took too long."""
_INDEX = r"PackageIndex\(\s*[\"'](https://[^\"']+)[\"']"
_WHERE = "_internal/models/index.py"
_ASK_PIP = 5.0


def configuration() -> pip_config.PipConfig:
    """Return the configuration of this environment's pip, asked for within 5 s."""
    usual = pip_config.usual_files(os.environ, sys.prefix, os.name == "nt")
    try:
        version = metadata.version("pip")
    except metadata.PackageNotFoundError:
        version = ""
    folder = pip_folder()
    otherwise = (version, index_in_files(folder), ca_in_files(folder))
    run = run_until(Deadline(_ASK_PIP))
    return pip_config.read(run, sys.executable, os.environ, usual, otherwise)


def run_until(
    deadline: Deadline, *, armed: bool = False
) -> Callable[[Sequence[str]], tuple[int, str, str]]:
    """Return what runs commands, all of them together for at most so long.

    Args:
        deadline: When all of them must be over.
        armed: Whether this plugin is switched on in them: then it is what is asked about.
    """
    environ = {**os.environ, "PYTHONIOENCODING": "utf-8:backslashreplace"}
    environ["PIP_RESILIENT"] = "1" if armed else ""

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        try:
            done = subprocess.run(  # noqa: S603  # the words are ours
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=environ,
                timeout=deadline.left(60.0),
                check=False,
            )
        except subprocess.TimeoutExpired:
            return TOO_LATE, "", ""
        except OSError as error:
            return 1, "", type(error).__name__
        out, errors = (raw.decode("utf-8", "replace") for raw in (done.stdout, done.stderr))
        return done.returncode, out, errors

    return run


def pip_folder() -> str | None:
    """Return the folder that pip is installed in, or None."""
    spec = find_spec("pip")
    return next(iter(spec.submodule_search_locations or ()), None) if spec else None


def index_in_files(folder: str | None) -> str:
    """Return the index that pip asks by default, from its own file or from ensurepip's wheel.

    The constructor call is the same in pip 20.3 to 26.3 (models/index.py).
    """
    found = re.search(_INDEX, _text(folder) or _bundled())
    return found[1].rstrip("/") + "/simple/" if found else ""


def ca_in_files(folder: str | None) -> str:
    """Return the CA certificates that come with pip, or empty."""
    own = os.path.join(folder or "", "_vendor", "certifi", "cacert.pem")
    return own if os.path.exists(own) else ""


def _text(folder: str | None) -> str:
    try:
        with open(os.path.join(folder or "", *_WHERE.split("/")), encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _bundled() -> str:
    spec = find_spec("ensurepip")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    for folder in (os.path.join(one, "_bundled") for one in folders):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if name.startswith("pip-") and name.endswith(".whl"):
                with zipfile.ZipFile(os.path.join(folder, name)) as wheel:
                    return wheel.read(f"pip/{_WHERE}").decode("utf-8", "replace")
    return ""
