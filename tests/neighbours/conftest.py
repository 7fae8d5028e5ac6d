"""What does every test beside a neighbour need?

The rule: a fault server of its own, and nothing left behind. `pytest` alone does
not come here: `pytest tests/neighbours` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import remove_environments
from tests.faults import FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _environments_end_with_the_session() -> Iterator[None]:
    """Remove the environments here too: a worker of pytest-xdist may skip `atexit`."""
    yield
    remove_environments()
