"""Does another host learn nothing but what it is asked for, and lead nobody astray?"""

from __future__ import annotations

import contextlib
import json
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.mirrors.group import page_at
from pip_resilient.policy import disclosure
from pip_resilient.policy.failure import Kind
from pip_resilient.session import connect
from pip_resilient.session.elsewhere import Unusable
from pip_resilient.session.spare_pages import page_there
from tests.elsewhere_in_process import ORIGIN, Asker, content_of, source_of, tls_before
from tests.faults import (
    Authority,
    FaultProxy,
    FaultServer,
    Reset,
    Status,
    redirect,
    refused_port,
    too_many_requests,
    unavailable,
)
from tests.pip_in_process import hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pip_resilient.policy.failure import Failure

SECRET = "hunter2"
MIRROR, INSIDE = "mirror.example", "inside.example"
FILE = b"some bytes of a wheel"

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC")
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in CA_VARIABLES:  # requests prefers them to the session's own
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """`mirror.example` is on the public internet, `inside.example` in a private network.

    Both lead to the loopback in truth, to its two addresses.
    """
    addresses = {MIRROR: "127.0.0.1", INSIDE: "::1"}
    really, public = connect.resolve, disclosure.is_public

    def resolve(host: str, port: int) -> Any:
        return really(addresses.get(host, host), port)

    def is_public(host: str) -> bool:
        return host == "127.0.0.1" or public(host)

    monkeypatch.setattr(connect, "resolve", resolve)
    seen_by_connect = SimpleNamespace(disclosure=SimpleNamespace(is_public=is_public))
    monkeypatch.setattr(connect, "wing", seen_by_connect)


@pytest.fixture
def authority() -> Authority:
    return Authority()


@contextlib.contextmanager
def asking(**options: Any) -> Iterator[Asker]:
    with hooked_pip() as pip, contextlib.closing(Asker(pip, **options)) as asker:
        yield asker
        assert pip.surprises == []


def failure_of(asker: Asker, url: str, mirror: str | None = None) -> Failure:
    with pytest.raises(Unusable) as caught:
        asker.ask(url, mirror)
    return caught.value.failure


def sent(server: FaultServer, number: int = -1) -> dict[str, str]:
    """Return the headers of a request as they came, their names in lower case."""
    return {name.lower(): value for name, value in server.log[number].headers}


# What is asked, and what comes back.


def test_it_is_asked_for_what_is_wanted() -> None:
    """The answer is urllib3's own, its body unread."""
    with FaultServer() as server, asking() as asker:
        url = server.put("/demo.whl", FILE)
        answer = asker.ask(url, Accept="*/*", Range="bytes=5-")

        assert (answer.up.status, answer.url) == (206, url)
        assert content_of(answer.up) == FILE[5:]
        assert sent(server)["range"] == "bytes=5-"
        assert sent(server)["accept"] == "*/*"
        assert server.log[-1].method == "GET"


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (Status(403), Kind.STATUS, 403),
        (Status(404), Kind.STATUS, 404),
        (Status(405), Kind.STATUS, 405),
        (Status(500), Kind.STATUS, 500),
        (Status(204), Kind.STATUS, 204),
        (Status(304), Kind.STATUS, 304),
        (Status(302), Kind.STATUS, 302),
        (unavailable(), Kind.STATUS, 503),
        (Reset(part="headers"), Kind.RESET, None),
    ],
    ids=str,
)
def test_anything_but_bytes_means_that_this_one_has_not_got_it(
    fault: Any, kind: Kind, status: int | None
) -> None:
    """It never means that a thing does not exist."""
    with FaultServer(script=[fault]) as server, asking() as asker:
        failure = failure_of(asker, server.put("/demo.whl", FILE))

    assert (failure.kind, failure.status) == (kind, status)


def test_a_mirror_that_asks_to_wait_is_heard() -> None:
    """A crowd is there; somebody else is asked."""
    with FaultServer(script=[too_many_requests(120)]) as server, asking() as asker:
        assert failure_of(asker, server.put("/demo.whl", FILE)).retry_after == 120.0


def test_a_mirror_that_is_not_there_has_had_its_turn() -> None:
    """At once."""
    with refused_port() as port, asking() as asker:
        assert failure_of(asker, f"http://127.0.0.1:{port}/demo.whl").kind is Kind.REFUSED


def test_nobody_is_asked_twice() -> None:
    """No pool and no adapter may repeat it behind our back."""
    with FaultServer(script=[Reset(part="headers")]) as server, asking() as asker:
        failure_of(asker, server.put("/demo.whl", FILE))

        assert len(server.log) == 1


# What goes along.


USER_AGENT = 'pip/25.0 {"ci":null,"installer":{"name":"pip"},"user_data":"hunter2"}'
GIVEN = {
    "Authorization": "Basic " + SECRET,
    "Cookie": SECRET,
    "Proxy-Authorization": SECRET,
    "X-Token": SECRET,
    "If-None-Match": SECRET,
    "If-Modified-Since": SECRET,
    "If-Range": SECRET,
    "Cache-Control": "max-age=0",
    "Referer": SECRET,
    "User-Agent": USER_AGENT,
    "Accept": "text/html",
}


def test_what_was_given_for_one_host_stays_with_it() -> None:
    """A mirror must not be told a password, nor what pip has in its cache."""
    with FaultServer() as server, asking(headers=GIVEN) as asker:
        asker.session.cookies.set("session", SECRET)
        asker.session.headers["X-Session"] = SECRET
        asker.ask(server.put("/demo.whl", FILE), Range="bytes=0-").up.close()
        headers = sent(server)

    assert SECRET not in str(headers)
    assert set(headers) <= {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "range",
        "connection",
    }
    assert headers["accept"] == "text/html"
    assert json.loads(headers["user-agent"].partition(" ")[2]) == {
        "ci": None,
        "installer": {"name": "pip"},
    }


def test_a_client_certificate_is_for_the_host_that_it_was_given_for() -> None:
    """It names a person or a machine."""
    with asking() as asker:
        asker.session.cert = "/client.pem"

        assert asker.elsewhere._options("https://mirror.example/").cert is None


@pytest.mark.parametrize("path", ["/demo.whl", "/other/place/demo.whl"])
def test_a_mirror_gets_the_login_that_the_user_gave_for_it(path: str) -> None:
    """Without it, it answers 401."""
    with FaultServer() as server, asking(headers=GIVEN) as asker:
        url = server.put(path, FILE)
        mirror = f"http://us%40er:{SECRET}@127.0.0.1:{server.port}/simple"
        asker.ask(url, mirror).up.close()

        assert sent(server)["authorization"] == "Basic dXNAZXI6aHVudGVyMg=="


def test_its_login_is_not_for_the_host_that_has_its_files() -> None:
    """An index may list files that lie elsewhere."""
    with FaultServer() as files, asking() as asker:
        mirror = f"http://user:{SECRET}@localhost:{files.port}/simple"
        asker.ask(files.put("/demo.whl", FILE), mirror).up.close()

        assert "authorization" not in sent(files)


def test_a_named_mirrors_login_may_stand_in_netrc(tmp_path: Path) -> None:
    """It is where pip looks too."""
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
    with FaultServer() as server, asking() as asker:
        url = server.put("/demo.whl", FILE)
        asker.ask(url).up.close()
        unnamed = source_of(url)._replace(named=False)
        asker.elsewhere.ask(unnamed, url, {}).up.close()

        assert sent(server, 0)["authorization"] == "Basic dXNlcjpodW50ZXIy"
        assert "authorization" not in sent(server, 1)


# Redirects.


def test_a_redirect_is_followed(authority: Authority, tmp_path: Path) -> None:
    """Many mirrors keep their files with a CDN."""
    verify = authority.write_to(tmp_path / "ca.pem")
    with (
        FaultServer(tls=authority) as files,
        FaultServer(tls=authority, host="localhost") as mirror,
        asking(verify=verify) as asker,
    ):
        target = files.put("/far/demo.whl", FILE)
        mirror.script = [redirect(target, 307)]
        login = mirror.url.replace("//", f"//user:{SECRET}@")
        answer = asker.ask(mirror.url + "/demo.whl", login, Range="bytes=2-")

        assert (answer.url, content_of(answer.up)) == (target, FILE[2:])
        assert "authorization" in sent(mirror)
        assert "authorization" not in sent(files)
        assert sent(files)["range"] == "bytes=2-"


def test_on_the_same_host_the_login_goes_along() -> None:
    """It was given for all of it."""
    with FaultServer() as server, asking() as asker:
        target = server.put("/far/demo.whl", FILE)
        server.script = [redirect("/far/demo.whl").when(first=1)]
        mirror = server.url.replace("//", f"//user:{SECRET}@")
        answer = asker.ask(server.url + "/demo.whl", mirror)

        assert answer.url == target
        assert "authorization" in sent(server, 0)
        assert "authorization" in sent(server, 1)


def test_a_redirect_off_https_is_refused(authority: Authority, tmp_path: Path) -> None:
    """Anybody on the way could then answer, or listen."""
    verify = authority.write_to(tmp_path / "ca.pem")
    with (
        FaultServer() as plain,
        FaultServer(tls=authority) as mirror,
        asking(verify=verify) as asker,
    ):
        mirror.script = [redirect(plain.put("/demo.whl", FILE))]
        failure = failure_of(asker, mirror.url + "/demo.whl")

        assert "https" in failure.said
        assert plain.log == []


@pytest.mark.parametrize(
    "location",
    [
        "https://localhost:{port}/demo.whl",
        "https://127.0.0.1:{port}/demo.whl",
        "https://[::1]:{port}/demo.whl",
        "https://inside.example:{port}/demo.whl",
        "//inside.example:{port}/demo.whl",
    ],
)
@pytest.mark.usefixtures("names")
def test_nobody_on_the_internet_leads_to_a_private_network(
    location: str, authority: Authority, tmp_path: Path
) -> None:
    """pip would ask there, from behind the firewall, what a stranger wants to be asked."""
    verify = authority.write_to(tmp_path / "ca.pem")
    with (
        FaultServer(tls=authority, names=[INSIDE], ipv6=True) as inside,
        FaultServer(tls=authority, names=[MIRROR], host=MIRROR) as mirror,
        asking(verify=verify) as asker,
    ):
        inside.put("/demo.whl", FILE)
        mirror.script = [redirect(location.format(port=inside.port))]
        failure_of(asker, mirror.url + "/demo.whl")

        assert len(mirror.log) == 1
        assert inside.connections == 0


@contextlib.contextmanager
def private_hosts(
    authority: Authority, tmp_path: Path
) -> Iterator[tuple[FaultServer, FaultServer, Asker]]:
    """Serve files and a mirror in a private network, and ask from there."""
    with (
        FaultServer(tls=authority, names=[INSIDE], ipv6=True) as files,
        FaultServer(tls=authority, names=[INSIDE], host=INSIDE, ipv6=True) as mirror,
        asking(verify=authority.write_to(tmp_path / "ca.pem")) as asker,
    ):
        yield files, mirror, asker


@pytest.mark.usefixtures("names")
def test_in_a_private_network_one_host_may_lead_to_another(
    authority: Authority, tmp_path: Path
) -> None:
    """A company's mirror may keep its files on a host of its own."""
    with private_hosts(authority, tmp_path) as (files, mirror, asker):
        files.put("/demo.whl", FILE)
        mirror.script = [redirect(f"https://{INSIDE}:{files.port}/demo.whl")]

        assert content_of(asker.ask(mirror.url + "/demo.whl").up) == FILE


@pytest.mark.parametrize("way", ["redirect", "page"])
@pytest.mark.usefixtures("names")
def test_nobody_on_the_internet_leads_to_a_private_host_that_pip_has_talked_to(
    way: str, authority: Authority, tmp_path: Path
) -> None:
    """A connection that was kept open is there already, and netrc has a login for it."""
    verify = authority.write_to(tmp_path / "ca.pem")
    (tmp_path / ".netrc").write_text(f"machine {INSIDE} login user password {SECRET}\n")
    with (
        FaultServer(tls=authority, names=[INSIDE], ipv6=True) as inside,
        FaultServer(tls=authority, names=[MIRROR], host=MIRROR) as mirror,
        asking(verify=verify) as asker,
    ):
        inside.put("/simple/own/", b"<a>")
        inside.put("/demo.whl", FILE)
        there = f"https://{INSIDE}:{inside.port}"
        assert asker.session.get(f"{there}/simple/own/", verify=verify).content
        mirror.script = [redirect(f"{there}/demo.whl")]
        by_page = (f"{there}/demo.whl", {}, mirror.url + "/simple/demo/")
        asked = (mirror.url + "/demo.whl", {}) if way == "redirect" else by_page
        with pytest.raises(Unusable):
            asker.elsewhere.ask(source_of(mirror.url + "/simple/"), *asked)

        assert [one.path for one in inside.log] == ["/simple/own/"]


@pytest.mark.parametrize("place", ["its own", "pooled", "another"])
@pytest.mark.usefixtures("names")
def test_a_private_mirror_s_page_may_name_files_in_its_network(
    place: str, authority: Authority, tmp_path: Path
) -> None:
    """That it is private only its address tells, by the time that its page has come."""
    with private_hosts(authority, tmp_path) as (files, mirror, asker):
        files.put("/demo-1.0.zip", FILE)
        mirror.put("/demo-1.0.zip", FILE)
        there = mirror.url if place != "another" else f"https://{INSIDE}:{files.port}"
        link = f'<a href="{there}/demo-1.0.zip">x</a>'.encode()
        mirror.put("/simple/demo/", link, content_type="text/html")
        source = source_of(mirror.url + "/simple/")
        page = page_there(asker.exchange, asker.elsewhere, source, "demo")
        if place == "its own":
            asker.session.get_adapter(mirror.url).poolmanager.clear()
        answer = asker.elsewhere.ask(source, page.files[0].url, {}, page_at(source, "demo"))

        assert content_of(answer.up) == FILE


def test_netrc_is_for_the_host_that_was_named(authority: Authority, tmp_path: Path) -> None:
    """Its page would have what the user gave for any other host sent there."""
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
    verify = authority.write_to(tmp_path / "ca.pem")
    with FaultServer(tls=authority) as files, asking(verify=verify) as asker:
        page = "https://127.0.0.1:1/simple/demo/"
        source = source_of("https://127.0.0.1:1/simple/")
        asker.elsewhere.ask(source, files.put("/demo.whl", FILE), {}, page).up.close()

        assert "authorization" not in sent(files)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1\\.x.example",
        "169.254.169.254\\.x.example",
        "\uff11\uff12\uff17.0.0.1",
    ],
)
def test_behind_a_proxy_a_redirect_is_judged_as_it_would_be_sent(
    host: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy connects to whatever it is told, and nobody looks at the address."""
    verify = authority.write_to(tmp_path / "ca.pem")
    with (
        FaultServer(tls=authority, names=[MIRROR]) as mirror,
        FaultProxy(routes={(MIRROR, 443): ("127.0.0.1", mirror.port)}, outside=False) as proxy,
        asking(verify=verify) as asker,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        location = f"https://{host}/admin".encode().decode("latin-1")
        mirror.script = [redirect(location)]
        failure_of(asker, f"https://{MIRROR}/demo.whl")
        page = f"https://{MIRROR}/simple/demo/"
        with pytest.raises(Unusable):
            asker.elsewhere.ask(source_of(f"https://{MIRROR}/"), f"https://{host}/x", {}, page)

        assert {one.host for one in proxy.log} == {MIRROR}


def test_redirects_in_a_ring_have_an_end() -> None:
    """Five, and no more."""
    with FaultServer(script=[redirect("/demo.whl")]) as server, asking() as asker:
        failure = failure_of(asker, server.url + "/demo.whl")

        assert "redirects" in failure.said
        assert len(server.log) == 6


def test_a_mirror_that_sends_back_to_the_host_that_failed_has_not_got_it() -> None:
    """Many mirrors do so for what they lack; it would be waited for again."""
    with FaultServer(script=[redirect(ORIGIN)]) as server, asking() as asker:
        failure = failure_of(asker, server.url + "/demo.whl")

    assert "back to the host that failed" in failure.said


@pytest.mark.parametrize(
    "location",
    [
        "https://[",
        "https://host:99999/",
        "https://.example/",
        "https://" + "a" * 70 + ".example/",
        "https:///demo.whl",
        "https://a b.example/",
        "ftp://mirror.example/demo.whl",
        "file:///etc/passwd",
        "data:text/html,x",
        "\xff\xfe",
    ],
)
def test_a_redirect_to_nowhere_ends_the_turn(location: str) -> None:
    """It comes from a stranger, and must not be taken for an error of ours."""
    back = [redirect(location).when(first=1), Status(404)]
    with FaultServer(script=back) as server, asking() as asker:
        failure_of(asker, server.url + "/demo.whl")


@pytest.mark.parametrize("url", ["https://.example/x.whl", "https://host:99999/", "https://["])
def test_a_url_on_a_mirrors_page_that_is_none_ends_the_turn(url: str) -> None:
    """It comes from a stranger too."""
    with asking() as asker:
        failure_of(asker, url, "https://mirror.example/simple")


# The way there.


def test_a_proxy_is_chosen_for_that_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one for the host that failed may be wrong for this one."""
    with FaultProxy() as proxy, FaultServer() as server, asking() as asker:
        url = server.put("/demo.whl", FILE)
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        asker.ask(url).up.close()
        through = len(proxy.log)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        asker.ask(url).up.close()

        assert (through, len(proxy.log)) == (1, 1)
        assert len(server.log) == 2


def test_a_proxy_may_be_spoken_to_over_tls(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two layers of TLS are no socket; each spare would crash the run."""
    with (
        FaultServer(tls=authority, host="localhost") as server,
        FaultProxy() as proxy,
        tls_before(authority, proxy.port) as port,
        asking(verify=authority.write_to(tmp_path / "ca.pem")) as asker,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        url = server.put("/demo.whl", FILE)
        for _ in range(2):
            up = asker.ask(url).up

            assert content_of(up) == FILE
            up.release_conn()


def test_its_certificate_is_checked(authority: Authority) -> None:
    """A digest says nothing of who listens."""
    with FaultServer(tls=authority) as server, asking() as asker:
        failure = failure_of(asker, server.put("/demo.whl", FILE))

        assert failure.kind is Kind.CERTIFICATE
        assert server.log == []


def test_a_trusted_host_is_trusted_alone(authority: Authority) -> None:
    """`--trusted-host` is said of one host, not of its mirrors."""
    with FaultServer(tls=authority) as server, asking() as asker:
        asker.session.add_trusted_host("origin.example")

        assert failure_of(asker, server.put("/demo.whl", FILE)).kind is Kind.CERTIFICATE


def test_nobody_is_waited_for_long() -> None:
    """There is somebody else, or there was: time is what is short."""
    with asking() as asker:
        connect_timeout, read_timeout = asker.elsewhere._options("https://mirror.example/").timeout

    assert 0 < connect_timeout <= 10
    assert 0 < read_timeout <= 10


def test_the_loopback_has_both_addresses() -> None:
    """The tests above would pass over nothing."""
    with contextlib.closing(socket.socket(socket.AF_INET6)) as sock:
        sock.bind(("::1", 0))
