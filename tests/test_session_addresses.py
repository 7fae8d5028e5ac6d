"""Does a connection go to the first address that accepts, in time and in order?

Races run over real loopback sockets; addresses that never answer are real too:
a socket that listens with its backlog full.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.session import addresses
from pip_resilient.session.addresses import AddressBook, Cancelled, Race, resolve
from tests.faults import refused_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pip_resilient.session.addresses import Address

LONG = 10.0


def info(port: int, host: str = "127.0.0.1") -> Address:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))


def v6(number: int) -> Address:
    return info(number, "2001:db8::1")


def v4(number: int) -> Address:
    return info(number, "192.0.2.1")


@pytest.fixture
def accepting() -> Iterator[int]:
    """A port that accepts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that drops every attempt: its queue is full."""
    if sys.platform != "linux":
        pytest.skip("other systems refuse where the queue is full")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def error_of(does: Callable[[], object]) -> OSError:
    """Return the OSError that something ends with; its number is what tells them apart."""
    try:
        does()
    except OSError as error:
        return error
    pytest.fail("there was no error")


class Finish:
    """A race with its book, run to its end."""

    def __init__(self, *infos: Address, stopped: Any = lambda: False, **how: Any) -> None:
        self.book = AddressBook()
        self.race = Race(list(infos), time.monotonic, stopped, self.book, **how)

    def port(self, timeout: float | None = LONG) -> int:
        sock, address = self.race.run(timeout)
        with contextlib.closing(sock):
            assert sock.getpeername()[1] == address[1]
            assert sock.gettimeout() == timeout
        return int(address[1])

    def failed(self, *infos: Address) -> list[Address]:
        """Return those of the addresses that the book puts last."""
        return [one for one in infos if self.book._failures.get(one[4])]


def test_an_address_that_accepts_wins(accepting: int) -> None:
    """The plain case."""
    finish = Finish(info(accepting))

    assert finish.port() == accepting
    assert finish.failed(info(accepting)) == []


@pytest.mark.parametrize("timeout", [LONG, None])
def test_a_refused_address_makes_room_at_once(accepting: int, timeout: float | None) -> None:
    """A host with one dead node of two would fail every other time."""
    with refused_port() as refused:
        finish = Finish(info(refused), info(accepting))

        assert finish.port(timeout) == accepting
        assert finish.failed(info(refused), info(accepting)) == [info(refused)]


def test_a_silent_address_is_overtaken(silent: int, accepting: int) -> None:
    """Broken IPv6 would cost the whole connect timeout."""
    began = time.monotonic()

    assert Finish(info(silent), info(accepting)).port() == accepting
    assert addresses.RACE_DELAY <= time.monotonic() - began < LONG / 2


def test_silence_of_all_ends_in_time(silent: int) -> None:
    """It is the connect timeout, and all of them failed."""
    finish = Finish(info(silent))
    with pytest.raises(socket.timeout):
        finish.port(0.3)

    assert finish.failed(info(silent)) == [info(silent)]


class NoIPv6(socket.socket):
    """A socket on a machine without a way to IPv6."""

    def connect_ex(self, address: Any) -> int:
        if self.family == socket.AF_INET6:
            return errno.ENETUNREACH
        return super().connect_ex(address)


def test_of_all_errors_the_most_telling_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the IPv6 that nobody has is unreachable would hide a refused port."""
    with refused_port() as refused:
        monkeypatch.setattr(socket, "socket", NoIPv6)
        error = error_of(lambda: Finish(info(refused), v6(9)).port())

    assert error.errno == errno.ECONNREFUSED
    assert error.strerror == os.strerror(errno.ECONNREFUSED)


def test_a_machine_without_a_way_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline is known after 20 s instead of 150."""
    monkeypatch.setattr(socket, "socket", NoIPv6)
    error = error_of(lambda: Finish(v6(9), v6(10)).port())

    assert error.errno == errno.ENETUNREACH


def test_a_host_without_addresses_is_told_so() -> None:
    """An IndexError would be ours."""
    with pytest.raises(socket.gaierror):
        Finish().port()


def test_a_race_can_be_called_off(silent: int) -> None:
    """Ctrl-C and a cancelled opener must not wait for the connect timeout."""
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        Finish(info(silent), stopped=lambda: next(asked)).port()


def test_options_and_source_address_are_used(accepting: int) -> None:
    """urllib3 asks for TCP_NODELAY; some users bind to one interface."""
    nodelay = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    finish = Finish(info(accepting), source_address=("127.0.0.1", 0), options=[nodelay])
    sock, _ = finish.race.run(LONG)
    with contextlib.closing(sock):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert sock.getsockname()[0] == "127.0.0.1"


def test_a_source_address_of_nobody_is_an_error(accepting: int) -> None:
    """A ResourceWarning or a leak would follow from an exception in between."""
    finish = Finish(info(accepting), source_address=("192.0.2.1", 0))

    assert error_of(finish.port).errno == errno.EADDRNOTAVAIL


# Order.


def test_families_take_turns() -> None:
    """RFC 8305 §4: a list of IPv6 alone at its head would delay IPv4 by seconds."""
    given_order = [v6(1), v6(2), v6(3), v4(1), v4(2)]

    assert AddressBook().in_order(given_order) == [v6(1), v4(1), v6(2), v4(2), v6(3)]


def test_what_failed_comes_last_and_the_latest_at_the_end() -> None:
    """A retry that goes to the same bad node is no retry."""
    book = AddressBook()
    book.failed(v4(1)[4])
    book.failed(v6(1)[4])

    assert book.in_order([v6(1), v6(2), v4(1), v4(2)]) == [v6(2), v4(2), v4(1), v6(1)]
    book.failed(v4(1)[4])

    assert book.in_order([v6(1), v6(2), v4(1), v4(2)])[-1] == v4(1)


@given(
    st.lists(st.builds(v4, st.integers(0, 9)) | st.builds(v6, st.integers(0, 9)), unique=True),
    st.lists(st.builds(v4, st.integers(0, 9))),
)
def test_no_address_is_lost(infos: list[Address], failures: list[Address]) -> None:
    """The one that is lost may be the only one that works."""
    book = AddressBook()
    for failure in failures:
        book.failed(failure[4])

    assert sorted(book.in_order(infos), key=str) == sorted(infos, key=str)


# Names.


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers for names; numeric addresses are read by the real one."""
    really = socket.getaddrinfo
    answers: dict[str, Any] = {}

    def getaddrinfo(host: str, port: int, *args: Any) -> Any:
        if len(args) == 4:  # with flags: only numeric ones are wanted
            return really(host, port, *args)
        return answers[host]()

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


def raising(error: BaseException) -> Any:
    def answer() -> None:
        raise error

    return answer


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]"])
def test_a_numeric_address_needs_no_resolver(host: str, resolver: dict[str, Any]) -> None:
    """Offline, a proxy on this machine must still be found at once."""
    assert [one[4][:2] for one in resolve(host, 80)] == [(host.strip("[]"), 80)]


def test_a_name_is_resolved(resolver: dict[str, Any]) -> None:
    """The plain case."""
    resolver["index.invalid"] = lambda: [v4(80)]

    assert resolve("index.invalid", 80) == [v4(80)]


def test_a_resolver_that_hangs_is_left_behind(
    resolver: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own limit is half a minute and more, each time."""
    answer = threading.Event()
    resolver["index.invalid"] = lambda: answer.wait(LONG) and []
    monkeypatch.setattr(addresses, "RESOLVE_TIMEOUT", 0.05)
    try:
        with pytest.raises(socket.gaierror) as raised:
            resolve("index.invalid", 80)
    finally:
        answer.set()

    assert raised.value.errno == socket.EAI_AGAIN


def test_an_unknown_name_is_told_as_it_is(resolver: dict[str, Any]) -> None:
    """It is permanent: a spelling mistake."""
    resolver["index.invalid"] = raising(socket.gaierror(socket.EAI_NONAME, "unknown"))
    with pytest.raises(socket.gaierror) as raised:
        resolve("index.invalid", 80)

    assert raised.value.errno == socket.EAI_NONAME


@pytest.mark.parametrize(
    ("routed", "number"), [(True, socket.EAI_AGAIN), (False, errno.ENETUNREACH)]
)
def test_a_machine_without_network_is_told_from_a_failing_resolver(
    resolver: dict[str, Any], monkeypatch: pytest.MonkeyPatch, routed: bool, number: int
) -> None:
    """Offline is known after 20 s, a resolver is waited for."""
    monkeypatch.setattr(addresses, "_routed", lambda: routed)
    resolver["index.invalid"] = raising(socket.gaierror(socket.EAI_AGAIN, "for now"))

    assert error_of(lambda: resolve("index.invalid", 80)).errno == number


@pytest.mark.parametrize("host", ["a..b", "." * 5, "x" * 64 + ".invalid"])
def test_what_cannot_be_a_name_is_an_unknown_name(host: str) -> None:
    """A UnicodeError is no OSError: urllib3 would not know it, and we would stand aside."""
    with pytest.raises(socket.gaierror) as raised:
        resolve(host, 80)

    assert raised.value.errno == socket.EAI_NONAME
