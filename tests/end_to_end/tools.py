"""How does a test get a neighbour, a tool of somebody else, into an environment with our plugin?

The rule: its wheels come from PyPI once per machine, in the pinned version, with
all that they require (see `server_software` and `wheelhouse`); from then on all is
local. A test gets a throw-away copy of an environment, with the neighbour installed
by that environment's own pip. Where it cannot be had, the test skips and says why.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.server_software import PINNED, NotAvailable, python_for, python_of
from tests.end_to_end.wheelhouse import tool_wheels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.environments import Environment


def pinned(tool: str) -> str:
    """Return the requirement of a tool; one that names its version is taken as it is."""
    return tool if "==" in tool else f"{tool}=={PINNED[tool]}"


def wheels(environment: Environment, tool: str) -> Path:
    """Return the folder with a tool's wheels and those that it requires, or skip."""
    try:
        return tool_wheels(pinned(tool), environment.python_version)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{tool} cannot be had here: {error}")


@contextmanager
def with_beside(environment: Environment, *tools: str) -> Iterator[Environment]:
    """Lend a copy of an environment with these tools in it, or skip."""
    links = [f"--find-links={wheels(environment, tool)}" for tool in tools]
    with environment.throw_away_copy() as private:
        wanted = map(pinned, tools)
        done = private.pip("install", "--quiet", "--no-index", *links, *wanted, armed=False)

        assert done.returncode == 0, done.stderr
        yield private


def own_python(tool: str) -> str:
    """Return the Python of a tool that has an environment of its own, without the plugin; or skip.

    Nothing may be written there: it is kept for later runs.
    """
    try:
        return str(python_of(tool))
    except NotAvailable as error:
        pytest.skip(str(error))


def own_python_version(tool: str) -> str:
    """Return the version of that Python, such as "3.11"; or skip."""
    try:
        return python_for(tool)
    except NotAvailable as error:
        pytest.skip(str(error))


def spare_pip(environment: Environment) -> None:
    """Let pip look as if it came from an index: one from a file is removed by pip-sync."""
    (where_from,) = environment.site_packages.glob("pip-*.dist-info/direct_url.json")
    where_from.unlink()
