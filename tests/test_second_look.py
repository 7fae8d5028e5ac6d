"""Does a second look show what an error does not say, and give nothing away for it?"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from pip_resilient import second_look
from pip_resilient.events import GaveUp
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.patience import Limits
from pip_resilient.session import translate
from pip_resilient.settings import Settings
from tests.faults import Authority, FaultProxy, FaultServer
from tests.pip_in_process import clean_errors, hooked_pip

if TYPE_CHECKING:
    from tests.pip_in_process import HookedPip

QUICK = Settings(connect_timeout=1.0)
SECRET = "hunter2"


def failures(pip: HookedPip, url: str, proxy: str | None = None, times: int = 1) -> list[Failure]:
    """Ask for pages in vain, and return what the run has noted."""
    for _ in range(times):
        with contextlib.closing(pip.session()) as session, pytest.raises(clean_errors()):
            session.get(url, proxies={"https": proxy} if proxy else None)
    assert pip.surprises == []
    return [event.failure for event in pip.run.happened if isinstance(event, GaveUp)]


def test_a_certificate_that_is_not_believed_is_looked_at_once() -> None:
    """Each package of a run asks again; one look is enough, and nothing is asked over it."""
    with FaultServer(tls=Authority("Inspecting Proxies Inc.")) as server, hooked_pip() as pip:
        found = failures(pip, f"{server.url}/simple/demo/", times=3)

    assert [one.kind for one in found] == [Kind.CERTIFICATE] * 3
    assert all('issued by "Inspecting Proxies Inc."' in one.said for one in found)
    assert server.connections == 3 + 1
    assert server.log == []


def test_it_is_looked_at_through_the_proxy_that_led_there() -> None:
    """Straight ahead there may be nobody, or somebody else."""
    with (
        FaultServer(tls=Authority("Inspecting Proxies Inc.")) as server,
        FaultProxy(require=("u", SECRET)) as proxy,
        hooked_pip() as pip,
    ):
        login = proxy.url.replace("//", f"//u:{SECRET}@")
        (found,) = failures(pip, f"{server.url}/simple/demo/", login)

    assert 'issued by "Inspecting Proxies Inc."' in found.said
    assert [one.status for one in proxy.log] == [200, 200]
    assert server.connections == 2


def test_a_proxy_that_waits_for_a_line_is_known_by_it_and_learns_no_login() -> None:
    """It was given for TLS; without it no proxy may be asked in plain text to let us in."""
    with (
        FaultServer(tls=Authority()) as server,
        FaultProxy() as proxy,
        hooked_pip(settings=QUICK) as pip,
    ):
        wrong = proxy.url.replace("http://", f"https://u:{SECRET}@")
        (found,) = failures(pip, f"{server.url}/simple/demo/", wrong)

    assert found.kind is Kind.PROXY_SCHEME
    assert [one.authorization for one in proxy.log if one.method == "CONNECT"] == [None]
    assert server.log == []


def test_a_proxy_that_says_nothing_at_all_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it speaks http is seen, and never guessed."""
    monkeypatch.setattr(translate, "_LOOK", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        hooked_pip(Limits(patience=0.5), QUICK) as pip,
    ):
        proxy = f"https://127.0.0.1:{mute.getsockname()[1]}"
        found = failures(pip, "https://index.invalid/simple/demo/", proxy)

    assert found
    assert {one.kind for one in found} <= {Kind.SILENT, Kind.CONNECT_TIMEOUT}


@pytest.mark.parametrize(("status", "speaks"), [(400, False), (403, True), (502, True)])
def test_a_plain_400_may_come_from_a_port_that_speaks_tls(status: int, speaks: bool) -> None:
    """nginx and Apache say it so; to use such a proxy as http would end every run."""
    with FaultProxy() as proxy:
        proxy.refuse_next(1, status)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as sock:
            url = proxy.url.replace("http:", "https:")

            assert second_look.speaks_http(sock, "https://index.invalid/", url) is speaks


@pytest.mark.parametrize("login", [True, False])
def test_a_tunnel_is_asked_for_with_the_login_or_without(login: bool) -> None:
    with FaultServer() as server, FaultProxy(require=("u", SECRET)) as proxy:
        url = proxy.url.replace("//", f"//u:{SECRET}@")
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as sock:
            refused = second_look.tunnel(sock, server.url, url, login=login)

    assert (refused is None) is login
    assert refused is None or refused.said == "proxy asks for a login (it offers Basic)"
