"""Is a server that a test has started ready when it is lent, and gone afterwards?

The rule: whatever happened in between. Python's own `http.server` stands for all.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import urllib.request

import pytest

from tests.end_to_end.own_server import OwnServer, own_folder, running


def argv_on(port: int) -> list[str]:
    return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]


def is_refused(server: OwnServer) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_it_answers_as_soon_as_it_is_lent() -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with own_folder() as folder, running(folder, argv_on) as server:
        with direct.open(server.url) as response:
            assert response.status == 200
        assert '"GET / HTTP/1.1" 200' in server.said


def test_neither_process_nor_port_nor_folder_is_left_after_an_error() -> None:
    """A failed test must not spoil the next one."""
    with (
        contextlib.suppress(ZeroDivisionError),
        own_folder() as folder,
        running(folder, argv_on) as server,
    ):
        assert not is_refused(server)
        raise ZeroDivisionError

    assert is_refused(server)
    assert not folder.exists()


def test_one_that_does_not_start_says_why() -> None:
    code = "import sys; sys.exit('the disk is upside down')"
    with (
        own_folder() as folder,
        pytest.raises(RuntimeError, match="upside down"),
        running(folder, lambda _: [sys.executable, "-c", code]),
    ):
        pass


def test_a_port_that_was_taken_meanwhile_is_changed_for_another() -> None:
    """Between choosing and listening somebody may be faster."""
    with socket.socket() as other, own_folder() as folder:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = [other.getsockname()[1]]
        with running(folder, lambda port: argv_on(taken.pop() if taken else port)) as server:
            assert taken == []
            assert not is_refused(server)
