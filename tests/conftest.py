"""What holds after every test?

The rule: pip is as it was, by identity, and none of our threads is left.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from pip_resilient.store import folder as folder_room
from pip_resilient.store import offsets
from pip_resilient.store.folder import Folder
from tests.wall_clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GRACE = 5.0

# A slow machine is not a wrong answer. `--hypothesis-profile=fuzz` looks for longer, and says
# how to repeat what it found.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
settings.register_profile(
    "fuzz",
    max_examples=20_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _pip_is_as_it_was() -> Iterator[None]:
    """A change left in pip would be found by the next user of the process, not by us."""
    yield
    hooked = sys.modules.get("tests.pip_in_process")  # nobody else hooks the pip that runs us
    ours = [one for one in threading.enumerate() if one.name.startswith("pip-resilient-")]
    for thread in ours:
        thread.join(_GRACE)

    assert [thread.name for thread in ours if thread.is_alive()] == []
    assert hooked is None or hooked.traces() == []


# For what is kept in a folder of the user's.


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["by folder", "by path"])
def reached(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try both ways to files: as on POSIX, and as where a system has only paths and seeks."""
    if request.param == "by path":
        monkeypatch.setattr(folder_room, "_AT", False)
        monkeypatch.setattr(folder_room, "_READ", folder_room._READ & ~getattr(os, "O_NOFOLLOW", 0))
        monkeypatch.setattr(offsets, "_AT_ONCE", False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def folder(path: Path) -> Folder:
    opened = Folder.open(str(path))

    assert opened is not None
    return opened
