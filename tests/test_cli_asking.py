"""Is one URL asked as pip would ask it, with what is its host's own, and never for long?"""

from __future__ import annotations

import base64
import gc
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.cli import asking
from pip_resilient.cli.asking import Deadline, Line
from pip_resilient.cli.measured import Answer
from pip_resilient.policy.failure import Failure, Kind
from tests.faults import (
    Authority,
    FaultProxy,
    FaultServer,
    Fin,
    Silence,
    Status,
    Trickle,
    redirect,
    refused_port,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH, CONTENT = "/simple/demo/", bytes(range(256)) * 2000
AGENT = "pip/26.3 {}"
BASIC = "Basic " + base64.b64encode(b"me:p@ss").decode()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(authority: Authority) -> Iterator[FaultServer]:
    with FaultServer(tls=authority) as running:
        running.put(PATH, CONTENT)
        yield running


@pytest.fixture
def other(authority: Authority) -> Iterator[FaultServer]:
    with FaultServer(tls=authority) as running:
        running.put(PATH, CONTENT)
        yield running


def line(authority: Authority, proxy: str | None = None, **more: Any) -> Line:
    context = authority.client_context()
    return Line(lambda url: proxy, lambda url: context, AGENT, None, Deadline(20.0), **more)


def with_login(url: str) -> str:
    return url.replace("//", "//me:p%40ss@")


def logins(server: FaultServer) -> list[str | None]:
    return [seen.header("Authorization") for seen in server.log]


def answered(asked: Answer | Failure) -> Answer:
    assert isinstance(asked, Answer), asked
    return asked


def failed(asked: Answer | Failure) -> Failure:
    assert isinstance(asked, Failure), asked
    return asked


def test_an_answer_is_told_with_what_came(server: FaultServer, authority: Authority) -> None:
    said = answered(asking.ask(line(authority), server.url + PATH, {"Accept": "x/y"}, len(CONTENT)))
    (seen,) = server.log

    assert (said.status, said.body, said.failure) == (200, CONTENT, None)
    assert said.headers["content-length"] == str(len(CONTENT))
    assert (seen.header("User-Agent"), seen.header("Accept")) == (AGENT, "x/y")


def test_a_login_is_the_hosts_own_and_is_not_shown(
    server: FaultServer, other: FaultServer, authority: Authority
) -> None:
    """Whoever the host leads to is not told who the user is."""
    server.script = [redirect(other.url + PATH)]
    said = answered(asking.ask(line(authority), with_login(server.url) + PATH, {}, 10))

    assert (logins(server), logins(other)) == ([BASIC], [None])
    assert said.url == other.url + PATH
    assert "me" not in said.url


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://127.0.0.1:1/login", "a redirect to something else than https"),
        ("/again", "more than 5 redirects"),
        ("https://[", "a redirect to no URL"),
    ],
)
def test_a_mirrors_redirect_is_followed_as_the_plugin_does(
    server: FaultServer, authority: Authority, location: str, why: str
) -> None:
    """Not to plain http, round in a circle, or to nowhere; and it is said why."""
    server.script = [redirect(location)]
    told = failed(asking.ask(line(authority), server.url + PATH, {}, 10))

    assert (told.kind, told.detail) == (Kind.STACK, why)
    assert len(server.log) <= 10


@pytest.mark.parametrize(
    ("location", "kind", "why"),
    [
        ("http://127.0.0.1:1/login", Kind.REFUSED, "redirected to 127.0.0.1:1"),
        ("/again", Kind.GARBLED, "more than 30 redirects"),
        ("https://[", Kind.GARBLED, "a redirect to no URL"),
        ("ftp://127.0.0.1/", Kind.GARBLED, "a redirect to no URL"),
    ],
)
def test_a_redirect_that_pip_cannot_follow_is_told_as_what_it_is(
    server: FaultServer, authority: Authority, location: str, kind: Kind, why: str
) -> None:
    """Whoever is told to log in to the network looks for a page that is not there."""
    server.script = [redirect(location)]
    told = failed(asking.ask(line(authority, as_pip=True), server.url + PATH, {}, 10))

    assert (told.kind, told.detail) == (kind, why)
    assert len(server.log) <= 31


def test_what_pip_follows_is_followed() -> None:
    """From http to http on another host, and six times on its own; the login stays at home."""
    with FaultServer() as server, FaultServer() as other:
        other.put(PATH, CONTENT)
        goals = [*(f"/{hop}" for hop in range(1, 6)), other.url + PATH]
        server.script = [redirect(goal).when(f"/{hop}") for hop, goal in enumerate(goals)]
        plain = Line(lambda url: None, lambda url: None, AGENT, None, Deadline(20.0), as_pip=True)
        said = answered(asking.ask(plain, with_login(server.url) + "/0", {}, len(CONTENT)))

    assert (said.status, said.url, said.body) == (200, other.url + PATH, CONTENT)
    assert (logins(server), logins(other)) == ([BASIC] * 6, [None])


def test_no_more_is_read_than_is_wanted(server: FaultServer, authority: Authority) -> None:
    """A look at a 2 GB wheel must not bring it."""
    said = answered(asking.ask(line(authority), server.url + PATH, {}, 1000))

    assert 1000 <= len(said.body) <= 1000 + 64 * 1024
    assert said.failure is None


@pytest.mark.parametrize(
    ("fault", "kind", "seconds", "body_seconds"),
    [
        (Fin(5000), Kind.TRUNCATED, 5.0, 10.0),
        (Silence(5000), Kind.SILENT, 0.5, 10.0),
        (Trickle(5000), Kind.CRAWL, 5.0, 1.0),
    ],
)
def test_what_came_of_a_body_is_told_with_what_ended_it(
    server: FaultServer,
    authority: Authority,
    fault: Any,
    kind: Kind,
    seconds: float,
    body_seconds: float,
) -> None:
    server.script = [fault]
    patient = line(authority, seconds=seconds)
    said = answered(
        asking.ask(patient, server.url + PATH, {}, len(CONTENT), body_seconds=body_seconds)
    )

    assert said.failure is not None
    assert said.failure.kind is kind
    assert CONTENT.startswith(said.body)
    assert len(said.body) < len(CONTENT)


def test_who_does_not_answer_is_a_failure(server: FaultServer, authority: Authority) -> None:
    """Nothing raises: it is what was to be found out."""
    quick = line(authority, seconds=0.3)
    with refused_port() as port:
        refused = failed(asking.ask(quick, f"http://127.0.0.1:{port}/", {}, 10))
    server.script = [Silence(0, "headers")]
    silent = failed(asking.ask(quick, server.url + PATH, {}, 10))
    stranger = failed(asking.ask(line(Authority()), server.url + PATH, {}, 10))

    assert [one.kind for one in (refused, silent, stranger)] == [
        *(Kind.REFUSED, Kind.SILENT, Kind.CERTIFICATE)
    ]


@pytest.mark.parametrize("names", [("right.test", "wrong.test"), ("127.0.0.2", "127.0.0.3")])
def test_an_address_stands_in_for_the_resolver_and_the_name_is_still_checked(
    authority: Authority, names: tuple[str, str]
) -> None:
    """Each address of a host is tried by itself; another one's certificate must not do."""
    with FaultServer(tls=authority, names=names[:1]) as server:
        server.put(PATH, CONTENT)
        right, wrong = (
            asking.ask(
                line(authority), f"https://{name}:{server.port}{PATH}", {}, 10, address="127.0.0.1"
            )
            for name in names
        )
        hosts = [seen.header("Host") for seen in server.log]

    assert answered(right).status == 200
    assert failed(wrong).kind is Kind.OTHER_HOST
    assert hosts == [f"{names[0]}:{server.port}"]


# The file of a refused tunnel's answer stays open in http.client (3.9, _tunnel) until it is
# collected, which is here, and not amid another test.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("right", [True, False])
def test_a_proxy_gets_its_own_login(server: FaultServer, authority: Authority, right: bool) -> None:
    """And the server behind it never sees that."""
    with FaultProxy(require=("u", "p@ss")) as proxy:
        user = "u" if right else "x"
        login = proxy.url.replace("//", f"//{user}:p%40ss@")
        asked = asking.ask(line(authority, login), server.url + PATH, {}, 10)

    if right:
        assert answered(asked).status == 200
        assert server.log[0].header("Proxy-Authorization") is None
    else:
        assert failed(asked).kind is Kind.PROXY_AUTHENTICATION
        assert server.log == []
    gc.collect()


def test_an_error_status_is_an_answer(server: FaultServer, authority: Authority) -> None:
    server.script = [Status(404)]

    assert answered(asking.ask(line(authority), server.url + PATH, {}, 10)).status == 404


# The user's own logins.

NETRC = "machine h.invalid login me password p@ss/word\n"


def test_netrc_is_read_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As requests reads it for pip."""
    monkeypatch.setenv("NETRC", str(tmp_path / "named"))
    (tmp_path / "named").write_text(NETRC)
    found = asking.netrc_logins()

    own, others = "https://h.invalid/simple/", "https://o.invalid/simple/"
    assert asking.with_login(own, found) == "https://me:p%40ss%2Fword@h.invalid/simple/"
    assert asking.with_login(others, found) == others
    assert asking.with_login("https://a:b@h.invalid/", found) == "https://a:b@h.invalid/"


@pytest.mark.parametrize("content", [None, "machine\n", "\xff"])
def test_a_netrc_that_cannot_be_read_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    """pip goes on without it."""
    monkeypatch.setenv("NETRC", str(tmp_path / "named"))
    if content is not None:
        (tmp_path / "named").write_bytes(content.encode("latin-1"))
    url = "https://h.invalid/"

    assert asking.with_login(url, asking.netrc_logins()) == url
