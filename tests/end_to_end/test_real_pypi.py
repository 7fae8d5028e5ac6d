"""Does a real install from PyPI itself finish through a proxy that cuts connections?

The rule: ordinary packages, one of them built in isolation, once on each end
of the matrix; the cuts are this test's own, between pip and PyPI. Where PyPI
cannot be reached at all, or plain pip without any cut gets no further, the test
skips and says so.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pip._internal.models.index import PyPI

from tests.end_to_end.environments import our_lines
from tests.faults import FaultProxy

if TYPE_CHECKING:
    from tests.end_to_end.environments import Environment

# Written in Python alone: the newest Pythons would have to build the others, and the page of
# what they need for that may be longer than any connection here lives.
PACKAGES = (
    *("attrs", "click", "flask", "httpx", "markdown"),
    *("packaging", "python-dateutil", "requests", "rich", "tqdm"),
)
BUILT = "docopt"  # there is only an sdist of it


def certificates() -> dict[str, str]:
    """Return what this machine has set for pip to trust, where it sits behind a TLS proxy."""
    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.cert"],
        capture_output=True,
        text=True,
        check=False,
    )
    path = os.environ.get("PIP_CERT") or configured.stdout.strip()
    return {"PIP_CERT": path} if path else {}


@pytest.fixture
def reachable() -> None:
    try:
        socket.create_connection((PyPI.netloc, 443), timeout=10).close()
    except OSError as error:
        pytest.skip(f"PyPI cannot be reached from here: {error}")


@pytest.mark.usefixtures("reachable")
def test_ten_packages_and_a_build_come_through_cut_connections(
    oldest_and_newest: Environment,
) -> None:
    """What the plugin is for."""
    install = ("install", "--use-pep517", "--target", "installed", *PACKAGES, BUILT)
    with FaultProxy(cut=(150_000, 1_500_000), seed=7) as proxy:
        done = oldest_and_newest.pip(
            *install,
            env={"PIP_PROXY": proxy.url, **certificates()},
            timeout=600,
        )
        cut = [relayed for relayed in proxy.log if relayed.cut]
    if done.returncode != 0:
        fresh = oldest_and_newest.with_fresh_home()
        plain = fresh.pip(*install, armed=False, env=certificates(), timeout=600)
        if plain.returncode != 0:
            pytest.skip(f"plain pip cannot install it from here either: {plain.stderr[-500:]}")

    assert done.returncode == 0, done.stdout + done.stderr
    installed = {path.name for path in (oldest_and_newest.work / "installed").iterdir()}
    assert len(cut) >= 5
    assert {"attr", "click", "flask", "httpx", "requests", "rich", "docopt.py"} <= installed
    assert "healed" in our_lines(done.stderr)[-1]
