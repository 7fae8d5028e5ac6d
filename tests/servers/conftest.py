"""Which servers do the tests of the test servers start?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import Authority, FaultServer
from tests.servers.client import CONTENT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server of plain http which holds `CONTENT` at /file."""
    with FaultServer() as running:
        running.put("/file", CONTENT)
        yield running


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Whom the TLS servers have their certificates from."""
    return Authority()


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[FaultServer]:
    """The same by TLS."""
    with FaultServer(tls=authority) as running:
        running.put("/file", CONTENT)
        yield running
