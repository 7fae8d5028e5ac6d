"""How does `resilient-mirrors` get into the user's pip.conf?

The rule: pip writes its own file (`pip config set`); only where it does not
start the same key is written into the same file without it. What is not
understood is not written, and what has been written is read back: a variable
or a stronger file may say something else.
"""

from __future__ import annotations

import configparser
import contextlib
import locale
import os
import re
import sys
from typing import TYPE_CHECKING

from pip_resilient.cli import pip_config
from pip_resilient.mirrors import declared
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pip_resilient.cli.pip_config import PipConfig, Run

KEY = "resilient-mirrors"
_SECTION = "global"
_PRIVATE = 0o600
"""A mirror's URL may hold a password."""


class NotSet(Exception):
    """The setting was not written; the text says why."""


class Written(Record):
    """What was written.

    Attributes:
        path: The file.
        text: The setting's value.
        by: `pip`, or `pip-resilient` where pip did not start.
        stronger: What sets it to something else all the same, or empty.
        readable: Whether others may read a login that it has got.
    """

    path: str
    text: str
    by: str
    stronger: str
    readable: bool = False


def check(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the setting's value, and why it is none: a line for each word that is wrong."""
    text = " ".join(" ".join(words).split())  # a new line would end the value in pip.conf
    if not text.strip(","):
        return text, ("--set: nothing is named, and nothing was written; `none` is for no mirror",)
    return text, declared.complaints(text, "--set", "; nothing was written")


def write(
    text: str, environ: Mapping[str, str], run: Run, read: Callable[[], PipConfig]
) -> Written:
    """Write the setting into the user's file.

    Args:
        text: Its value.
        environ: The environment's variables.
        run: Runs a command, not switched on, with a deadline.
        read: Reads pip's configuration anew.

    Raises:
        NotSet: It could not be written.
    """
    named = environ.get("PIP_CONFIG_FILE", "")
    if named and os.path.exists(named):
        said = f"PIP_CONFIG_FILE is {named}, and so pip does not read the user's own file"
        there = f", or write {KEY} = {pip_config.shown(text)} there"
        raise NotSet(f"{said}; unset it{'' if named == os.devnull else there}")
    key, had = f"{_SECTION}.{KEY}", os.path.exists(usual_file(environ))
    code, out, _ = run((sys.executable, "-m", "pip", "config", "--user", "set", key, text))
    path, by = usual_file(environ), "pip"
    told = re.search(r"(?m)^Writing to (.+?)\s*$", out)
    if code == 0:
        path = told[1] if told else path
        if not had:  # pip makes it as every other file
            with contextlib.suppress(OSError):
                os.chmod(path, _PRIVATE)
    else:
        _write_alone(path, text)
        by = "pip-resilient"
    held, stronger = read().values.get(KEY), ""
    if held is None or held.text.strip() != text:
        stronger = held.source.said if held else "something unknown"
    return Written(path, text, by, stronger, "@" in text and _is_readable(path))


def _is_readable(path: str) -> bool:
    """Tell whether others may read a file; on Windows the profile's access list keeps them out."""
    try:
        return os.name != "nt" and bool(os.stat(path).st_mode & 0o077)
    except OSError:
        return False


def usual_file(environ: Mapping[str, str]) -> str:
    """Return the user's file that pip writes to, which is the strongest of the user's."""
    usual = pip_config.usual_files(environ, sys.prefix, os.name == "nt")
    return [path for kind, path in usual if kind == "user"][-1]


def _write_alone(path: str, text: str) -> None:
    """Set the key in a file, as pip does: comments do not outlive it (pip 20.3 to 26.3)."""
    path = os.path.realpath(path)  # a link into the user's own collection of such files stays
    encoding = locale.getpreferredencoding(False)
    parser = configparser.RawConfigParser()
    temporary = f"{path}.{os.getpid()}"
    try:
        parser.read(path, encoding=encoding)
        if not parser.has_section(_SECTION):
            parser.add_section(_SECTION)
        parser.set(_SECTION, KEY, text)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else _PRIVATE
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(fd, "w", encoding=encoding) as file:
                parser.write(file)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except (OSError, UnicodeError, configparser.Error) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise NotSet(f"{path} cannot be written: {why}") from error
