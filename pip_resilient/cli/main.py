"""Which command is wanted?

The rule: a command is a module with `NAME`, `HELP`, `add_arguments` and `run`;
a new one is one more name in `COMMANDS`. The exit code says 0 for fine, 1 for
problems found, 2 for wrong usage; `run` has those of the command that it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING, TextIO

from pip_resilient import __version__
from pip_resilient.cli import (
    cache,
    completion,
    disable,
    doctor,
    enable,
    mirrors,
    report,
    run,
    status,
)
from pip_resilient.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

COMMANDS: tuple[ModuleType, ...] = (
    status,
    doctor,
    mirrors,
    report,
    run,
    cache,
    enable,
    disable,
    completion,
)
FINE, PROBLEMS, USAGE = 0, 1, 2
_INTERRUPTED = 130
_OF_WRITING = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EBADF, errno.EIO)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The words after the program's name; None: those of this process.

    Returns:
        What the process should exit with.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started this
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    output = Output(sys.stdout, sys.stderr, os.environ)
    code = FINE
    try:
        code = _run(argv, output)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        _write_no_more()
        return code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except ModuleNotFoundError as missing:
        output.complaint(f"{missing.name} is missing; python -m pip install {missing.name}")
        return PROBLEMS
    except OSError as error:
        _write_no_more()
        of_output = error.filename is None and error.errno in _OF_WRITING
        where = "standard output: " if of_output else f"{error.filename}: " * bool(error.filename)
        return _complained(output, f"{where}{error.strerror or error}")
    return code


def _complained(output: Output, text: str) -> int:
    """Say why nothing came of it, where that can be said."""
    try:
        output.complaint(text)
    except OSError:  # of standard error, which Python would flush once more when it ends
        _write_no_more(sys.stderr)
    return PROBLEMS


def _run(argv: Sequence[str] | None, output: Output) -> int:
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as told:  # argparse has said why, or shown its help
        return told.code if isinstance(told.code, int) else USAGE
    if arguments.run is None:
        parser.print_help(sys.stderr)
        return USAGE
    output.quiet = arguments.quiet
    code: int = arguments.run(arguments, output)
    return code


def _write_no_more(stream: TextIO | None = None) -> None:
    """Let the last flush of standard output, when Python ends, go nowhere: it cannot be written."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), (stream or sys.stdout).fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pip-resilient",
        description="Makes the pip that you have finish on bad networks.",
        epilog="Example: pip-resilient doctor. Completion: pip-resilient completion --help",
    )
    parser.add_argument("--version", action="version", version=f"pip-resilient {__version__}")
    parser.set_defaults(run=None, quiet=False, parser=parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in COMMANDS:
        command = commands.add_parser(
            module.NAME,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument("-q", "--quiet", action="store_true", help="no notices")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
