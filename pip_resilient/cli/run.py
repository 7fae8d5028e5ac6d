"""Run a command so that every pip it starts finishes on bad networks.

For Pythons that the plugin is not installed in: fresh environments, `pip
--python`, scripts that make their own. Only the command's own environment is
changed: PIP_RESILIENT=1, and one folder in front of PYTHONPATH. The exit code
is the command's, or 125 if it may not be run so, 126 if it cannot be run, 127 if
it is not there.

What ignores PYTHONPATH is not reached: python -I, -E and -S, tox 4, pipx, sudo. It
is said before the command is started, with what works instead.

Examples:
  pip-resilient run -- ./build-images.sh
  pip-resilient run -- pip --python .venv install -r requirements.txt
  pip-resilient run -- python3.9 -m pip download demo
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from pip_resilient import carrying
from pip_resilient.cli import reaching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pip_resilient.cli.output import Output

NAME = "run"
HELP = "run a command, with every pip that it starts made resilient"
_USAGE, _REFUSED, _CANNOT, _MISSING = 2, 125, 126, 127
"""The last three are those of env, nohup and timeout (POSIX, "Exit Status" of env)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument(
        "command", metavar="-- COMMAND", nargs=argparse.REMAINDER, help="what to run, as it is"
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Become the command; return only if that cannot be."""
    words = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not words or not words[0]:  # an empty variable
        output.complaint("no command is given; for example: pip-resilient run -- ./build.sh")
        return _USAGE
    try:
        environ = armed(os.environ)
    except PermissionError as refused:
        output.complaint(f"not run: {refused}")
        return _REFUSED
    reach = reaching.of(words, environ, os.curdir)
    for notice in reach.notices:
        output.notice(notice)
    return _become(words, reach.environ, output)


def armed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment whose Pythons are sent to the carrier.

    Raises:
        PermissionError: Others could send them somewhere else.
    """
    path = carrying.safe_path(environ.get("PYTHONPATH"))
    return {**environ, "PIP_RESILIENT": "1", "PYTHONPATH": path}


def _become(words: list[str], environ: Mapping[str, str], output: Output) -> int:
    """Start the command in this process's place: signals and the exit code are then its own."""
    try:
        if os.name == "nt":  # there, exec does not wait
            return _wait_for(words, environ)
        for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and exec would hand that on
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        os.execvpe(words[0], words, environ)  # noqa: S606  # the user's own words, without a shell
    except FileNotFoundError:
        output.complaint(f"{words[0]}: not found")
        return _MISSING
    except OSError as error:
        output.complaint(f"{words[0]}: {error.strerror}")
        return _CANNOT


def _wait_for(words: list[str], environ: Mapping[str, str]) -> int:
    with subprocess.Popen(words, env=environ) as process:  # noqa: S603  # the user's own words
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command has got it too, and decides
        return process.wait()
