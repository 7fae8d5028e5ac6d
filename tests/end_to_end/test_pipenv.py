"""Is the copy of pip that pipenv carries under its own name healed too?

The rule: pipenv comes from PyPI, once; where it cannot be had the test skips and
says why. Its pip runs as pipenv's own resolver runs it: imported from pipenv,
in process, after pipenv itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import CUT, SIZE, assert_healed, assert_resumed
from tests.end_to_end.tools import with_beside
from tests.faults import FaultServer
from tests.packages import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.environments import Environment

ITS_PIP = """
import sys
import pipenv
from pipenv.patched.pip._internal.cli.main import main
assert "pip._internal" not in sys.modules
sys.exit(main({arguments}))
"""


@pytest.fixture
def with_pipenv(newest: Environment) -> Iterator[Environment]:
    with with_beside(newest, "pipenv") as private:
        yield private


def test_a_cut_download_heals_in_pipenvs_own_pip(with_pipenv: Environment) -> None:
    """Its modules have other names, and its session is not the one of the pip beside it."""
    with FaultServer() as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [CUT]
        where = ("--no-deps", "--dest", "out", "--index-url", index.url)
        code = ITS_PIP.format(arguments=json.dumps(["download", *where, "demo"]))
        done = with_pipenv.python(code)

        assert_healed(done, with_pipenv, held)
        assert_resumed(server, held)
        assert "standing aside" not in "".join(our_lines(done.stderr))
