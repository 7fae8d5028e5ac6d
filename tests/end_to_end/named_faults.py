"""What goes wrong, so that the doctor and an install meet one and the same thing?

The rule: each situation is a context: while it lasts, a process that gets its
variables meets the fault on real sockets, with the real pip's configuration. What
a person has to be told of it (a host, a proxy, who issued a certificate) is in
`names`. Programs that people really run are real ones (`server_software`).
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from pip._internal.models.index import PyPI

from tests.end_to_end.doctoring import SECRET
from tests.end_to_end.name_server import NO_SUCH_NAME, Leads, leading
from tests.end_to_end.namespaces import refusal, small_disk
from tests.end_to_end.own_server import own_folder, running
from tests.end_to_end.played_pypi import played_pypi
from tests.end_to_end.server_software import NotAvailable, python_of, tinyproxy
from tests.faults import (
    Authority,
    Fault,
    FaultProxy,
    FaultServer,
    Fin,
    HandshakeEof,
    HangUp,
    Status,
    captive_portal,
    refused_port,
    swallowing_port,
    too_many_requests,
)
from tests.packages import Index, PageForm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Callable

    from tests.end_to_end.environments import Environment
    from tests.servers.answers import Answer, Request, Resource

HOST = "index.invalid"
LATER = datetime.now(timezone.utc) + timedelta(days=900)


@dataclass(frozen=True)
class Met:
    """What a process meets.

    Attributes:
        env: The variables that lead it there.
        names: What a verdict may have to name.
        before: A command that runs the rest of its command line.
    """

    env: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()


if TYPE_CHECKING:
    Situation = Callable[[Environment, Path], AbstractContextManager[Met]]


# --- What the situations are made of ---


@contextmanager
def serving(**options: Any) -> Iterator[tuple[FaultServer, Index]]:
    """Serve an index: `pip` is what the doctor asks for, `demo` what the tests install."""
    with FaultServer(**options) as server:
        index = Index(server)
        index.add_wheel("pip", "24.0", size=5000)
        index.add_wheel("pip", "25.0", size=600_000)
        index.add_wheel("demo", "1.0", size=100_000)
        yield server, index


def named(environment: Environment, port: Leads, scheme: str = "https") -> dict[str, str]:
    """Return what makes an index of an invented name lead to a port of ours."""
    return {**leading(environment, {HOST: port}), "PIP_INDEX_URL": f"{scheme}://{HOST}/simple/"}


@contextmanager
def behind(proxy: FaultProxy, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Serve an index over TLS that is reached through a proxy alone."""
    authority = Authority()
    with serving(tls=authority, names=[HOST]) as (server, _), proxy:
        proxy.routes[HOST, 443] = ("127.0.0.1", server.port)
        proxy.routes["127.0.0.1", server.port] = ("127.0.0.1", server.port)
        yield {
            "PIP_INDEX_URL": f"https://{HOST}/simple/",
            "PIP_CERT": authority.write_to(tmp_path / "ca.pem"),
        }


def at_both(environment: Environment, index: Index, port: int) -> dict[str, str]:
    """Return what makes the index's host have an address of each family."""
    folder = environment.home / "both"
    folder.mkdir()
    folder.joinpath("sitecustomize.py").write_text(_BOTH.replace("PORT", str(port)))
    url = index.url.replace("127.0.0.1", "localhost")
    return {"PIP_INDEX_URL": url, "PYTHONPATH": str(folder)}


_BOTH = """
import socket
_really = socket.getaddrinfo
def getaddrinfo(host, port, *args, **kwargs):
    if host != "localhost":
        return _really(host, port, *args, **kwargs)
    return _really("::1", PORT, *args, **kwargs) + _really("127.0.0.1", PORT, *args, **kwargs)
socket.getaddrinfo = getaddrinfo
"""


@dataclass(frozen=True)
class Dated(Fault):
    """The answer has another Date."""

    date: datetime

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        return answer.with_headers(("Date", format_datetime(self.date, usegmt=True)))


def valid(begins: int, ends: int) -> tuple[datetime, datetime]:
    """Return the validity of a certificate, in days from now."""
    now = datetime.now(timezone.utc)
    return now + timedelta(days=begins), now + timedelta(days=ends)


def by_pip(request: Request) -> bool:
    """Tell whether pip asks, by its User-Agent."""
    return (request.header("User-Agent") or "").startswith("pip/")


def over_ipv6(request: Request) -> bool:
    """Tell whether the client came to the address of the other family."""
    return "::1" in request.peer


@contextmanager
def _answering(*script: Any, **options: Any) -> Iterator[Met]:
    with serving(script=script, **options) as (server, index):
        yield Met({"PIP_INDEX_URL": index.url}, {"host": f"127.0.0.1:{server.port}"})


def answering(*script: Any) -> Situation:
    """Return the situation that an index answers so."""
    return lambda environment, tmp_path: _answering(*script)


# --- Names and connections ---


@contextmanager
def no_such_name(environment: Environment, tmp_path: Path) -> Iterator[Met]:
    """The index's name does not exist."""
    yield Met(named(environment, NO_SUCH_NAME), {"host": HOST})


@contextmanager
def refused(environment: Environment, tmp_path: Path) -> Iterator[Met]:
    """Nobody listens there."""
    with refused_port() as port:
        host = f"127.0.0.1:{port}"
        yield Met({"PIP_INDEX_URL": f"https://{host}/simple/"}, {"host": host})


@contextmanager
def black_hole(environment: Environment, tmp_path: Path) -> Iterator[Met]:
    """Nothing comes back, not even a refusal."""
    with swallowing_port() as port:
        if port is None:
            pytest.skip("here a full backlog refuses connections")
        host = f"127.0.0.1:{port}"
        yield Met({"PIP_INDEX_URL": f"https://{host}/simple/"}, {"host": host})


def reset_at_hello(environment: Environment, tmp_path: Path) -> AbstractContextManager[Met]:
    """Somebody on the way resets the connection at TLS' first message."""
    return _answering(HangUp(), tls=Authority())


def tls_eof(environment: Environment, tmp_path: Path) -> AbstractContextManager[Met]:
    """Somebody on the way ends the connection at TLS' first message."""
    return _answering(HandshakeEof(), tls=Authority())


# --- Certificates ---


_MITMDUMP = "from mitmproxy.tools.main import mitmdump; mitmdump()"


@contextmanager
def intercepted_tls(environment: Environment, tmp_path: Path) -> Iterator[Met]:
    """A real mitmproxy stands in the way and shows certificates of its own."""
    try:
        program = [str(python_of("mitmproxy")), "-c", _MITMDUMP]
    except NotAvailable as why:
        pytest.skip(str(why))
    with serving(tls=Authority()) as (server, _), own_folder() as folder:

        def argv_on(port: int) -> list[str]:
            mode = f"reverse:https://127.0.0.1:{server.port}"
            options = (f"confdir={folder}", "ssl_insecure=true", "connection_strategy=lazy")
            said = [word for option in options for word in ("--set", option)]
            return [*program, "--mode", mode, "--listen-host", "127.0.0.1", "-p", str(port), *said]

        with running(folder, argv_on, ready=None) as proxy:
            yield Met(named(environment, proxy.port), {"host": HOST, "issuer": "mitmproxy"})


@contextmanager
def _certified(
    environment: Environment, tmp_path: Path, days: tuple[int, int], *script: Fault
) -> Iterator[Met]:
    authority = Authority(valid=valid(*days))
    with serving(tls=authority, names=[HOST], script=script) as (server, _):
        cert = authority.write_to(tmp_path / "ca.pem")
        yield Met({**named(environment, server.port), "PIP_CERT": cert}, {"host": HOST})


def wrong_clock(environment: Environment, tmp_path: Path) -> AbstractContextManager[Met]:
    """This machine lives in the past, and the certificate is not valid yet."""
    return _certified(environment, tmp_path, (800, 1000), Dated(LATER))


def expired(environment: Environment, tmp_path: Path) -> AbstractContextManager[Met]:
    """The index's certificate was not renewed."""
    return _certified(environment, tmp_path, (-200, -20))


@contextmanager
def other_host(environment: Environment, tmp_path: Path) -> Iterator[Met]:
    """The log-in page of a hotel answers for every host, by its own certificate."""
    authority = Authority()
    theirs = "login.hotel.invalid"
    with serving(tls=authority, names=[theirs]) as (server, _):
        cert = authority.write_to(tmp_path / "ca.pem")
        names = {"host": HOST, "shown": theirs}
        yield Met({**named(environment, server.port), "PIP_CERT": cert}, names)


# --- Proxies ---


@contextmanager
def dead_proxy_of_environment(environment: Environment, tmp_path: Path) -> Iterator[Met]:
    """A program that is no longer there has left its setting in a variable."""
    with refused_port() as port:
        proxy = f"127.0.0.1:{port}"
        env = {
            "PIP_INDEX_URL": f"https://{HOST}/simple/",
            "HTTPS_PROXY": f"http://u:{SECRET}@{proxy}",
        }
        by = "HTTPS_PROXY in the environment"
        yield Met(env, {"host": HOST, "proxy": proxy, "by": by})


@contextmanager
def dead_proxy_of_pip_conf(environment: Environment, tmp_path: Path) -> Iterator[Met]:
    """The same, in a file that nobody has looked into for years."""
    with refused_port() as port:
        proxy = f"127.0.0.1:{port}"
        conf = environment.home / ".config" / "pip" / "pip.conf"
        conf.parent.mkdir(parents=True)
        conf.write_text(f"[global]\nproxy = http://u:{SECRET}@{proxy}\n")
        env = {"PIP_INDEX_URL": f"https://{HOST}/simple/", "PIP_CONFIG_FILE": ""}
        yield Met(env, {"host": HOST, "proxy": proxy, "by": f"global.proxy in {conf}"})


def real_proxy(written: str, *lines: str) -> Situation:
    """Return the situation that a real tinyproxy stands before the index.

    Args:
        written: What stands before its address in HTTPS_PROXY: scheme and login.
        *lines: Further ones of its configuration.
    """

    @contextmanager
    def situation(environment: Environment, tmp_path: Path) -> Iterator[Met]:
        try:
            program = str(tinyproxy())
        except NotAvailable as why:
            pytest.skip(str(why))
        authority = Authority()
        with serving(tls=authority) as (server, index), own_folder() as folder:

            def argv_on(port: int) -> list[str]:
                said = (f"Port {port}", "Listen 127.0.0.1", f"ConnectPort {server.port}", *lines)
                (folder / "conf").write_text("\n".join((*said, "")))
                return [program, "-d", "-c", str(folder / "conf")]

            with running(folder, argv_on, ready=None) as proxy:
                place = f"127.0.0.1:{proxy.port}"
                env = {
                    "PIP_INDEX_URL": index.url,
                    "PIP_CERT": authority.write_to(tmp_path / "ca.pem"),
                    "HTTPS_PROXY": f"{written}{place}",
                }
                by = "HTTPS_PROXY in the environment"
                yield Met(env, {"host": f"127.0.0.1:{server.port}", "proxy": place, "by": by})

    return situation


_LOGIN = f"BasicAuth u {SECRET}"
proxy_written_https = real_proxy("https://")
proxy_written_https_with_login = real_proxy(f"https://u:{SECRET}@", _LOGIN)
proxy_wants_login = real_proxy("http://", _LOGIN)


# --- Answers ---

login_page = answering(captive_portal())
refuses_pip = answering(Status(403).when(matching=by_pip))
too_many = answering(too_many_requests(1))
cut_page = answering(Fin(after=200).when("/simple/"))
cut_page_once = answering(Fin(after=200).when("/simple/", first=1))


def bad_addresses(script: tuple[Any, ...]) -> Situation:
    """Return the situation of a host with an address of each family, and these faults."""

    @contextmanager
    def situation(environment: Environment, tmp_path: Path) -> Iterator[Met]:
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on this machine")
        with serving(ipv6=True, script=script) as (server, index):
            names = {"host": f"localhost:{server.port}"}
            yield Met(at_both(environment, index, server.port), names)

    return situation


one_bad_address = bad_addresses((Status(503).when(matching=over_ipv6),))
all_addresses_bad = bad_addresses((Status(503),))


@contextmanager
def stale_mirror(environment: Environment, tmp_path: Path) -> Iterator[Met]:
    """The mirror that is the index was last synchronised days ago.

    PyPI itself was asked an hour ago, and has had more since then.
    """
    host = "mirrors.aliyun.com"
    with played_pypi(PageForm(serial=100)) as pypi:
        for version in ("24.0", "25.0"):
            pypi.index.add_wheel("pip", version, size=600_000)
        pypi.index.add_wheel("demo", "1.0")
        mirror = pypi.mirror(host, "/pypi", PageForm(serial=100))
        stamp = datetime.now(timezone.utc) - timedelta(days=3, hours=1)
        mirror.server.put("/pypi/last-modified", stamp.strftime("%Y%m%dT%H:%M:%S\n").encode())
        newer = Index(
            pypi.pages,
            pypi.files,
            pages_url=f"https://{PyPI.netloc}",
            files_url=f"https://{PyPI.file_storage_domain}",
            form=PageForm(serial=250),
        )
        newer.add_wheel("demo", "2.0")
        env = pypi.environ(environment)
        options = ("--no-deps", "--dest", "before")
        environment.pip("download", *options, "demo==2.0", env=env)
        url = f"https://{host}/pypi/simple/"
        yield Met({**env, "PIP_INDEX_URL": url}, {"host": host})


# --- This machine ---

_SMALL_FILES = 'ulimit -f 8; exec "$@"'


@contextmanager
def full_disk(environment: Environment, tmp_path: Path) -> Iterator[Met]:
    """The disk of the temporary files is full; where none can be mounted, files stay small."""
    folder = str(environment.home / "tmp")
    before = small_disk(folder, "16k")
    names = {"folder": folder, "where": f" ({folder})"}
    if refusal(before):
        before, names["where"] = ("sh", "-c", _SMALL_FILES, "sh"), ""  # such a disk has room
    with serving() as (_, index):
        # A compiled module cut short would outlast the test.
        env = {"PIP_INDEX_URL": index.url, "PYTHONDONTWRITEBYTECODE": "1"}
        yield Met(env, names, before)
