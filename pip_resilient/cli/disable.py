"""How is the plugin switched off?

Prints the line for the shell that this was started from, for another one, or
for a Dockerfile or a CI job. With --write it takes out of this virtual
environment's activate scripts what `pip-resilient enable --write` has put
there, and nothing else.

The exit code is 0, 1 where a script could not be written, 2 for wrong usage.

Examples:
  eval "$(pip-resilient disable)"            for this shell (sh, bash, zsh)
  pip-resilient disable --write              when this environment is activated next
  pip-resilient disable --github             for one job of a workflow
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.cli import enable

if TYPE_CHECKING:
    import argparse

    from pip_resilient.cli.output import Output

NAME = "disable"
HELP = "switch the plugin off, here or in this environment"
add_arguments = enable.add_arguments


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the line that switches off, or take it out of the scripts."""
    return enable.turn(arguments, output, on=False)
