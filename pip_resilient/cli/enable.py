"""How is the plugin switched on?

Prints the line for the shell that this was started from, for another one, or
for a Dockerfile or a CI job. With --write the line goes into the scripts that
activate this virtual environment, between markers; writing again changes
nothing, and `pip-resilient disable --write` takes it out again. What stands
there holds from the next `activate` on, and until the shell ends.

The exit code is 0, 1 where a script could not be written, 2 for wrong usage.

Examples:
  eval "$(pip-resilient enable)"             for this shell (sh, bash, zsh)
  pip-resilient enable --shell fish | source
  pip-resilient enable --write               whenever this environment is activated
  pip-resilient enable --dockerfile >> Dockerfile
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pip_resilient.cli import switch

if TYPE_CHECKING:
    import argparse

    from pip_resilient.cli.output import Output

NAME = "enable"
HELP = "switch the plugin on, here or in this environment"
_FINE, _PROBLEMS, _USAGE = 0, 1, 2
_NO_ENVIRONMENT = (
    "this Python belongs to no virtual environment, so there is no activate script to write to;"
    " put the line that is printed without --write into your shell's start-up file"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may stand behind `enable` and `disable`."""
    shells = [name for name in switch.SHELLS if name not in switch.FILES]
    goal = parser.add_mutually_exclusive_group()
    goal.add_argument("--shell", choices=shells, help="for this shell; else it is found out")
    for name in switch.FILES:
        of = {"dockerfile": "a Dockerfile", "github": "GitHub Actions", "gitlab": "GitLab CI"}[name]
        goal.add_argument(
            f"--{name}", dest="shell", action="store_const", const=name, help=f"for {of}"
        )
    goal.add_argument("--write", action="store_true", help="in this environment's activate scripts")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the line that switches on, or write it."""
    return turn(arguments, output, on=True)


def turn(arguments: argparse.Namespace, output: Output, *, on: bool) -> int:
    """Print the line, or write it, or take it out.

    Args:
        arguments: Those of `add_arguments`.
        output: Where results go.
        on: Whether to switch on.
    """
    if arguments.write:
        return _write(output, on=on, as_json=arguments.json)
    windows = os.name == "nt"
    shell = arguments.shell or switch.shell_of(os.environ, switch.parent_name(), windows)
    lines = switch.SHELLS[shell][0 if on else 1].split("\n")
    if arguments.json:
        output.json({"shell": shell, "lines": lines})
        return _FINE
    for line in lines:
        output.verbatim(line)
    return _FINE


def _write(output: Output, *, on: bool, as_json: bool) -> int:
    try:
        done = switch.write(sys.prefix, sys.base_prefix, on=on)
    except switch.NoEnvironment:
        output.complaint(_NO_ENVIRONMENT)
        return _USAGE
    problems = [one for one in done if one.why]
    if as_json:
        output.json({"prefix": sys.prefix, "scripts": [one._asdict() for one in done]})
    else:
        for one in done:
            output.line(f"{one.path}: {_said(one, on=on)}", "bad" if one.why else "good")
    if any(one.changed for one in done):
        output.notice("this holds from the next activation of the environment on")
    if not done:
        output.complaint(f"there is no activate script in {sys.prefix}")
    return _FINE if done and not problems else _PROBLEMS


def _said(one: switch.Done, *, on: bool) -> str:
    if one.why:
        return f"left alone: {one.why}"
    if on:
        return "switches the plugin on now" if one.changed else "did so before"
    return "no longer switches the plugin on" if one.changed else "did not do so"
