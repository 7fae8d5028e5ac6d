"""Is an answer whose headers were cut ever taken for a whole one?"""

from __future__ import annotations

import http.client
import itertools
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.session import head
from pip_resilient.session.head import Answer
from pip_resilient.session.outcome import Surprise

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n"


def answer(sent: bytes, made: type[Answer] = Answer) -> http.client.HTTPResponse:
    """Return the answer of a server that sends this and ends the stream."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        response = made(ours, method="GET")
        try:
            response.begin()
        except BaseException:
            response.close()
            raise
        return response


@pytest.mark.parametrize("after", range(1, len(HEAD) - 1))
def test_a_cut_within_the_headers_is_no_answer(after: int) -> None:
    """urllib3 tells it as a lost connection."""
    with pytest.raises((http.client.RemoteDisconnected, http.client.BadStatusLine)):
        answer(HEAD[:after])


@pytest.mark.parametrize(
    "sent",
    [
        HEAD,
        HEAD.replace(b"\r\n", b"\n"),
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD,
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
    ],
    ids=["usual", "bare-newlines", "no-headers", "continue", "no-body"],
)
def test_whole_headers_are_read_as_ever(sent: bytes) -> None:
    with answer(sent + b"page") as response:
        assert response.status in (200, 304)
        assert response.read() == (b"page" if response.status == 200 else b"")


def test_a_cut_after_an_interim_answer_is_one_too() -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        answer(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD[:30])


def interrupted_at(count: int) -> Callable[[FrameType, str, Any], Any]:
    """Return a trace function that presses Ctrl-C at so many lines of ours."""
    left = [count]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != head.__file__:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
        return trace

    return trace


@pytest.mark.parametrize("where", ["begins", "waits", "_first"])
def test_an_error_of_ours_is_told_apart_from_the_network_s(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a failure of the network it would end the request: ours makes us stand aside."""

    def spoilt(*_: Any) -> Any:
        raise KeyError(where)

    if where == "_first":
        monkeypatch.setattr(head._Timely, "_first", spoilt)
    else:
        wait = spoilt if where == "begins" else lambda *_: spoilt
        monkeypatch.setattr(Waits, "wait_for_answer", wait)
    with pytest.raises(Surprise):
        answer(HEAD + b"page", Watched)


class Waits:
    """Stands for what a thread asks, and for its watch: waits for nothing."""

    @property
    def watch(self) -> Waits:
        return self

    def wait_for_answer(self, sock: socket.socket) -> Any:
        return lambda arrives: arrives()


class Watched(Answer):
    """An answer whose first read is watched."""

    asking = Waits()


@pytest.mark.parametrize("made", [Answer, Watched])
def test_ctrl_c_at_any_line_stays_ctrl_c(made: type[Answer]) -> None:
    """http.client closes what it has begun, and an error in that would hide the keys."""
    before = sys.gettrace()
    for count in itertools.count(1):
        sys.settrace(interrupted_at(count))
        try:
            answer(HEAD + b"page", made).close()
        except KeyboardInterrupt:
            continue
        finally:
            sys.settrace(before)
        break

    assert count > 20
