"""How is the plugin switched on, in each shell and in each script that activates?

The rule: one line a shell, and one block a script. The block is three lines of
its own between two markers, at the end of the script, or in Nushell at the
beginning of its `export-env`, of which a module has one; what is removed is that
block and not a byte beside it, so that the script is again what it was. Only
scripts that lie within this environment are touched, and none that is signed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from typing import TYPE_CHECKING

from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHELLS = {
    "sh": ("export PIP_RESILIENT=1", "unset PIP_RESILIENT"),
    "bash": ("export PIP_RESILIENT=1", "unset PIP_RESILIENT"),
    "zsh": ("export PIP_RESILIENT=1", "unset PIP_RESILIENT"),
    "fish": ("set -gx PIP_RESILIENT 1", "set -e PIP_RESILIENT"),
    "csh": ("setenv PIP_RESILIENT 1", "unsetenv PIP_RESILIENT"),
    "nu": ('$env.PIP_RESILIENT = "1"', "hide-env PIP_RESILIENT"),
    "powershell": ('$env:PIP_RESILIENT = "1"', "$env:PIP_RESILIENT = $null"),
    "cmd": ("set PIP_RESILIENT=1", "set PIP_RESILIENT="),
    "dockerfile": ("ENV PIP_RESILIENT=1", "ENV PIP_RESILIENT=0"),
    "github": ('env:\n  PIP_RESILIENT: "1"', 'env:\n  PIP_RESILIENT: "0"'),
    "gitlab": ('variables:\n  PIP_RESILIENT: "1"', 'variables:\n  PIP_RESILIENT: "0"'),
}
"""What switches on and off, by shell or kind of file."""
FILES = ("dockerfile", "github", "gitlab")
"""Those of them that are no shells."""
SCRIPTS = {
    "activate": "sh",
    "activate.fish": "fish",
    "activate.csh": "csh",
    "activate.nu": "nu",
    "activate.bat": "cmd",
    "Activate.ps1": "powershell",
    "activate.ps1": "powershell",  # as virtualenv and uv spell it
}
"""The scripts that activate an environment, and who reads them."""
_CALLED = {"dash": "sh", "ksh": "sh", "ash": "sh", "tcsh": "csh", "pwsh": "powershell"}

_BEGIN, _END = b"# >>> pip-resilient >>>", b"# <<< pip-resilient <<<"
_JOINED = b"# >>> pip-resilient, behind a line without end >>>"
# In a batch file, `>` behind `rem` may still write to a file.
_BEGIN_BAT, _END_BAT = b"@rem pip-resilient begins", b"@rem pip-resilient ends"
_JOINED_BAT = b"@rem pip-resilient begins, behind a line without end"
_BLOCK = re.compile(
    rb"(?:\n(?:%s|%s)|(?:\A|(?<=\n))(?:%s|%s))\r?\n[^\r\n]*\r?\n(?:%s|%s)\r?\n"
    % tuple(map(re.escape, (_JOINED, _JOINED_BAT, _BEGIN, _BEGIN_BAT, _END, _END_BAT)))
)
_NU_BLOCK = re.compile(rb"(?m)^export-env \{[ \t]*\r?\n")
_SIGNED = b"# SIG # Begin signature block"


class NoEnvironment(Exception):
    """This Python is that of no virtual environment, so there are no scripts of it."""


class Unknown(Exception):
    """A script is not as we know it; the text says why."""


class Done(Record):
    """What became of one script.

    Attributes:
        path: The script.
        changed: Whether it was written.
        why: Why it was left alone, or empty.
    """

    path: str
    changed: bool
    why: str = ""


def shell_of(environ: Mapping[str, str], parent: str, windows: bool) -> str:
    """Tell which shell is likely to read a line.

    Args:
        environ: The environment's variables.
        parent: The name of the process that started this one, or empty.
        windows: Whether this is Windows.
    """
    for name in (parent, os.path.basename(environ.get("SHELL", ""))):
        name = name.lstrip("-").removesuffix(".exe").lower()  # noqa: PLW2901
        name = _CALLED.get(name, name)  # noqa: PLW2901
        if name in SHELLS and name not in FILES:
            return name
    if windows:  # PowerShell adds its own folder of modules to the system's two
        modules = environ.get("PSModulePath", "").split(os.pathsep)
        return "powershell" if len(modules) > 2 else "cmd"
    return "sh"


def parent_name() -> str:
    """Return the name of the process that started this one, where Linux tells; else empty."""
    try:
        with open(f"/proc/{os.getppid()}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def with_block(data: bytes, shell: str) -> bytes:
    """Return a script with the block where it belongs, and nowhere else.

    Args:
        data: The script.
        shell: Who reads it, one of `SHELLS`.

    Raises:
        Unknown: There is no place for it.
    """
    data = without_block(data)
    end = b"\r\n" if b"\r\n" in data else b"\n"
    line = SHELLS[shell][0].encode("ascii")
    begin, joined, last = _BEGIN, _JOINED, _END
    if shell == "cmd":
        begin, joined, last, line = _BEGIN_BAT, _JOINED_BAT, _END_BAT, b"@" + line
    if shell == "nu":
        found = _NU_BLOCK.search(data)
        if found is None:
            raise Unknown("it has no export-env block")
        return data[: found.end()] + end.join((begin, line, last, data[found.end() :]))
    first = begin if not data or data.endswith(b"\n") else b"\n" + joined
    return data + end.join((first, line, last, b""))


def without_block(data: bytes) -> bytes:
    """Return a script without its block; it is what it was before, but for what came since."""
    return _BLOCK.sub(_instead, data)


def _instead(block: re.Match[bytes]) -> bytes:
    """Return the end of a line that had none, where something was written behind it since."""
    is_last = block.end() == len(block.string)
    return b"\n" if block[0].startswith(b"\n") and not is_last else b""


def write(prefix: str, base_prefix: str, *, on: bool) -> list[Done]:
    """Put the block into an environment's scripts, or take it out.

    Args:
        prefix: `sys.prefix`.
        base_prefix: `sys.base_prefix`.
        on: Whether to put it there.

    Raises:
        NoEnvironment: Both are the same.
    """
    if prefix == base_prefix:
        raise NoEnvironment
    return [_written(prefix, path, shell, on) for path, shell in _scripts(prefix)]


def _scripts(prefix: str) -> Iterator[tuple[str, str]]:
    for folder in ("bin", "Scripts"):
        with contextlib.suppress(OSError):
            names = os.listdir(os.path.join(prefix, folder))
            for name, shell in SCRIPTS.items():
                if name in names:
                    yield os.path.join(prefix, folder, name), shell


def _written(prefix: str, path: str, shell: str, on: bool) -> Done:
    within = os.path.join(os.path.realpath(prefix), "")
    if os.path.islink(path) or not os.path.realpath(path).startswith(within):
        return Done(path, False, "it lies outside of this environment")
    try:
        with open(path, "rb") as file:
            data = file.read()
        wanted = with_block(data, shell) if on else without_block(data)
        if wanted == data:
            return Done(path, False)
        if _SIGNED in data:
            return Done(path, False, "it is signed, and would not be any more")
        _replace(path, wanted)
    except Unknown as why:
        return Done(path, False, str(why))
    except OSError as error:
        return Done(path, False, error.strerror or type(error).__name__)
    return Done(path, True)


def _replace(path: str, data: bytes) -> None:
    """Replace a script as a whole: a shell that reads it meanwhile has the old one."""
    fd, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".pip-resilient-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        with contextlib.suppress(OSError, AttributeError):  # root writes for others; Windows
            found = os.stat(path)
            os.chown(temporary, found.st_uid, found.st_gid)
        shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
