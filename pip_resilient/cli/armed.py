"""Is pip armed here, and by what?

The rule: each thing is looked at for itself: the switch, the start-up file that
Python runs, the carrier of `pip-resilient run`, and pip with the plugin in it.
The last is tried out, in a process of its own that asks nothing of the network:
what stands in files would not tell whether it works.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sysconfig
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pip_resilient.cli.pip_config import Run

SWITCH = "PIP_RESILIENT"
ON = ("1", "true", "yes", "on")
"""What the start-up file takes for on, in any case."""
START_FILE = "pip_resilient.pth"
_CARRIER = os.path.join("pip_resilient", "carrier")
_SAYS_WHY = "pip-resilient: standing aside, pip runs without it ("
_TRY = """
import json, sys
at_start = any(getattr(one, "waits_for_pip", False) is True for one in sys.meta_path)
carriers = [getattr(one, "pip_resilient_carrier", "") for one in sys.meta_path]
import pip
from pip_resilient import activate
activate.arm()
from pip._internal.commands import create_command
create_command("install")  # imports in pip's own order; by themselves some are circular
from pip._internal.network import download, session
adapter = session.PipSession().adapters.get("https://")
changed = [
    f"{owner.__name__}.{name}"
    for module in (session, download)
    for owner in vars(module).values()
    if isinstance(owner, type) and owner.__module__ == module.__name__
    for name, raw in vars(owner).items()
    if "FunctionWrapper" in type(raw).__name__
]
if hasattr(adapter, "resilient_run"):
    changed.append("adapters of sessions")
print(json.dumps([at_start, "".join(carriers), pip.__version__, pip.__file__, changed]))
"""


class Switch(Record):
    """The switch.

    Attributes:
        value: Of the variable, or None where it is not set.
        on: Whether it counts as on.
        said: Why.
    """

    value: str | None
    on: bool
    said: str


class StartFile(Record):
    """The `.pth` file that Python runs when it starts.

    Attributes:
        path: Where it is, or should be.
        text: What stands in it, or empty.
        sha256: Of what stands in it, or empty where there is none.
        shipped: The sha256 of what was installed, by the wheel's RECORD; empty: unknown.
    """

    path: str
    text: str
    sha256: str
    shipped: str

    @property
    def sound(self) -> bool:
        """Whether it is there, and as it was shipped as far as that is known."""
        return bool(self.sha256) and self.shipped in ("", self.sha256)


class Carrier(Record):
    """The carrier of `pip-resilient run`.

    Attributes:
        folder: Where it is, or empty where Pythons are not sent to any.
        hidden_by: The folder whose `sitecustomize.py` is run instead of it, or empty.
    """

    folder: str = ""
    hidden_by: str = ""


class Tried(Record):
    """pip with the plugin in it.

    Attributes:
        version: pip's, or empty.
        path: pip's folder, or empty.
        at_start: Whether Python itself had armed it.
        changed: What was changed in pip.
        aside: Why the plugin stands aside, or empty.
        broken: Why it could not be tried, or empty.
        carrier: The folder of the carrier that has armed it at the start, or empty.
    """

    version: str = ""
    path: str = ""
    at_start: bool = False
    changed: tuple[str, ...] = ()
    aside: str = ""
    broken: str = ""
    carrier: str = ""


def is_on(value: str) -> bool:
    """Tell whether a value of the switch counts as on, as the start-up file reads it."""
    return value.strip().lower() in ON


def switch(environ: Mapping[str, str]) -> Switch:
    """Look at the switch, as the start-up file does."""
    value = environ.get(SWITCH)
    words = ", ".join(ON)
    if value is None:
        return Switch(None, False, f"{SWITCH} is not set, which is off")
    if is_on(value):
        return Switch(value, True, f"{SWITCH} is {value!r}, which is on")
    return Switch(value, False, f"{SWITCH} is {value!r}, which is off; on are {words}, in any case")


def start_file() -> StartFile:
    """Find the start-up file, and what it was when it was installed."""
    path, shipped = os.path.join(sysconfig.get_paths()["purelib"], START_FILE), ""
    try:
        for file in metadata.distribution("pip-resilient").files or ():
            if file.name == START_FILE:
                path = os.path.abspath(str(file.locate()))
                shipped = _hex(file.hash)
    except metadata.PackageNotFoundError:  # a checkout
        pass
    try:
        with open(path, "rb") as opened:
            data = opened.read()
    except OSError:
        return StartFile(path, "", "", shipped)
    text = data.decode("utf-8", "replace").strip()
    return StartFile(path, text, hashlib.sha256(data).hexdigest(), shipped)


def carrier(environ: Mapping[str, str]) -> Carrier:
    """Look whether PYTHONPATH sends Pythons to a carrier: the first sitecustomize is run."""
    folders = environ.get("PYTHONPATH", "").split(os.pathsep)
    held = [one for one in folders if os.path.exists(os.path.join(one, "sitecustomize.py"))]
    ours = [one for one in held if os.path.normpath(one).endswith(_CARRIER)]
    if not ours:
        return Carrier()
    return Carrier(ours[0], "" if held[0] in ours else held[0] or os.curdir)


def _hex(recorded: Any) -> str:
    """Read a hash of RECORD: urlsafe base64 without padding (PEP 376, PEP 427)."""
    if recorded is None or recorded.mode != "sha256":
        return ""
    try:
        return base64.urlsafe_b64decode(recorded.value + "=").hex()
    except ValueError:
        return ""


def tried(run: Run, python: str) -> Tried:
    """Let the environment's pip make a session with the plugin in it.

    Args:
        run: Runs a command, switched on, with a deadline.
        python: The environment's Python.
    """
    code, out, errors = run((python, "-c", _TRY))
    lines = errors.strip().splitlines()
    aside = next((line for line in lines if line.startswith(_SAYS_WHY)), "")
    aside = aside[len(_SAYS_WHY) : -1]
    try:
        at_start, by, version, path, changed = json.loads(out)
    except ValueError:
        late = "it did not say in time" if code < 0 else ""
        return Tried(aside=aside, broken=late or (lines[-1] if lines else f"it ended with {code}"))
    folder = os.path.dirname(path)
    return Tried(version, folder, at_start, tuple(changed), aside, carrier=by)
