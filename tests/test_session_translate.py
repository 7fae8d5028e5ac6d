"""Is every exception of pip's stack understood, of both generations of urllib3?

Real exceptions where this process can make them; the two urllib3s by the pip
that runs us and by look-alikes with the class hierarchies of urllib3 1.26, since
only names are looked at. `test_every_pip_...` takes unpacked pips, where some
are there.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._vendor import requests, urllib3
from pip._vendor.urllib3 import exceptions as vendored

from pip_resilient.exceptions import place_of_proxy
from pip_resilient.policy.answers import TRANSIENT_STATUSES
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.session.translate import failure_of, failure_of_answer
from tests.end_to_end.interpreters import PIPS
from tests.end_to_end.wheelhouse import pip_wheel
from tests.faults import Authority

HTTPS_PROXY = "https://user:hunter2@proxy.invalid:3128"
CONNECTION = urllib3.connection.HTTPConnection("index.invalid", 443)


def kind_of(error: BaseException, proxy: str | None = None) -> Kind:
    return failure_of(error, proxy).kind


def caused(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


def tls(reason: str | None = None, cls: type[ssl.SSLError] = ssl.SSLError) -> ssl.SSLError:
    error = cls(1, f"[SSL: {reason}] text in any language")
    if reason is not None:
        error.reason = reason
    return error


def certificate(verdict: int) -> ssl.SSLError:
    error = tls("CERTIFICATE_VERIFY_FAILED", ssl.SSLCertVerificationError)
    error.verify_code = verdict
    return error


def in_requests(inner: Exception) -> Exception:
    """Wrap an error as requests and urllib3 do on the way to pip."""
    too_many = vendored.MaxRetryError(None, "/simple/demo/", inner)
    return requests.exceptions.ConnectionError(too_many)


OPERATING_SYSTEM = [
    (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Kind.REFUSED),
    (ConnectionResetError(errno.ECONNRESET, "x"), Kind.RESET),
    (ConnectionAbortedError(errno.ECONNABORTED, "x"), Kind.RESET),
    (BrokenPipeError(errno.EPIPE, "x"), Kind.RESET),
    (OSError(errno.ETIMEDOUT, "x"), Kind.CONNECT_TIMEOUT),
    (OSError(errno.ENETUNREACH, "x"), Kind.UNREACHABLE),
    (OSError(errno.EHOSTUNREACH, "x"), Kind.UNREACHABLE),
    (OSError(errno.ENOSPC, "x"), Kind.DISK),
    (socket.gaierror(socket.EAI_AGAIN, "x"), Kind.DNS_TEMPORARY),
    (socket.gaierror(socket.EAI_NONAME, "x"), Kind.DNS_UNKNOWN),
    (http.client.RemoteDisconnected("x"), Kind.RESET),
    (http.client.BadStatusLine("x"), Kind.GARBLED),
    (http.client.IncompleteRead(b"x", 9), Kind.TRUNCATED),
    (http.client.LineTooLong("header"), Kind.GARBLED),
]
TLS = [
    (tls("CERTIFICATE_VERIFY_FAILED", ssl.SSLCertVerificationError), Kind.CERTIFICATE),
    (certificate(18), Kind.CERTIFICATE),
    (certificate(9), Kind.TOO_EARLY),
    (certificate(10), Kind.EXPIRED),
    (certificate(62), Kind.OTHER_HOST),
    (certificate(64), Kind.OTHER_HOST),
    # As ssl.match_hostname raises it: OpenSSL's class, and nothing of OpenSSL's in it.
    (ssl.CertificateError("hostname 'a' doesn't match 'b'"), Kind.OTHER_HOST),
    (certificate(89), Kind.AGAINST_RULES),
    (tls("UNEXPECTED_EOF_WHILE_READING"), Kind.TLS_EOF),
    (tls(None, ssl.SSLEOFError), Kind.TLS_EOF),
    (tls(None, ssl.SSLZeroReturnError), Kind.TLS_EOF),
    (tls("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), Kind.TLS_DAMAGED),
    (tls("WRONG_VERSION_NUMBER"), Kind.TLS_PROTOCOL),
    (tls("TLSV1_ALERT_PROTOCOL_VERSION"), Kind.TLS_PROTOCOL),
    (tls("SSLV3_ALERT_HANDSHAKE_FAILURE"), Kind.TLS_REFUSED),
    (tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), Kind.CLIENT_CERTIFICATE),
]
TUNNEL = [
    (
        OSError("Tunnel connection failed: 407 Proxy Authentication Required"),
        Kind.PROXY_AUTHENTICATION,
    ),
    (OSError("Tunnel connection failed: 401 Unauthorized"), Kind.PROXY_AUTHENTICATION),
    (OSError("Tunnel connection failed: 403 Forbidden"), Kind.PROXY_FORBIDS),
    (OSError("Tunnel connection failed: 503 Service Unavailable"), Kind.RESET),
]


@pytest.mark.parametrize(("error", "kind"), [*OPERATING_SYSTEM, *TLS, *TUNNEL])
def test_what_the_system_raises_is_understood(error: Exception, kind: Kind) -> None:
    """A transient failure taken for a permanent one is not healed at all."""
    assert kind_of(error) is kind


@pytest.mark.parametrize(("error", "kind"), [*OPERATING_SYSTEM, *TLS, *TUNNEL])
def test_it_is_understood_however_deep_it_lies(error: Exception, kind: Kind) -> None:
    """requests and urllib3 wrap three times, by arguments, `reason` and `from`."""
    assert kind_of(in_requests(vendored.ProtocolError("Connection aborted.", error))) is kind
    assert kind_of(in_requests(caused(vendored.SSLError("x"), error))) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (vendored.ReadTimeoutError(None, "/", "Read timed out."), Kind.SILENT),
        (vendored.ConnectTimeoutError(CONNECTION, "timed out"), Kind.CONNECT_TIMEOUT),
        (vendored.NewConnectionError(CONNECTION, "x"), Kind.REFUSED),
        (vendored.ProtocolError("x"), Kind.RESET),
        (vendored.IncompleteRead(1, 9), Kind.TRUNCATED),
        (vendored.DecodeError("x"), Kind.GARBLED),
        (requests.exceptions.ReadTimeout("x"), Kind.SILENT),
        (requests.exceptions.ConnectTimeout("x"), Kind.CONNECT_TIMEOUT),
        (requests.exceptions.ChunkedEncodingError("x"), Kind.TRUNCATED),
        (requests.exceptions.ContentDecodingError("x"), Kind.GARBLED),
        (
            requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support."),
            Kind.NO_SOCKS,
        ),
        (requests.exceptions.InvalidSchema("No connection adapters"), Kind.STACK),
        (OSError("Could not find a suitable TLS CA certificate bundle: /x"), Kind.CA_PATH),
        (OSError("Could not find the TLS certificate file, invalid path: /x"), Kind.CLIENT_PATH),
        (OSError("Could not find the TLS key file, invalid path: /x"), Kind.CLIENT_PATH),
        (ImportError("Can't connect: the SSL module is not available."), Kind.NO_SSL),
    ],
)
def test_what_requests_and_urllib3_raise_is_understood(error: Exception, kind: Kind) -> None:
    """These have no number: their names are all there is."""
    assert kind_of(error) is kind
    assert kind_of(in_requests(error)) is kind


@pytest.mark.parametrize(
    "error", [requests.exceptions.InvalidURL("x"), RuntimeError("x"), KeyError("x")]
)
def test_what_is_not_the_network_s_is_not_tried_again(error: Exception) -> None:
    """A programming error would be repeated for two minutes."""
    assert failure_of(error) == Failure(Kind.STACK, type(error).__name__)


@pytest.mark.parametrize("error", [socket.timeout("timed out"), socket.timeout()])
def test_a_bare_timeout_is_silence(error: Exception) -> None:
    """It comes from a body that http.client reads itself, and it is not permanent."""
    assert kind_of(error) is Kind.SILENT


def test_a_timeout_within_a_connect_timeout_stays_one() -> None:
    """A host that does not take connections is not silent."""
    error = caused(vendored.ConnectTimeoutError(CONNECTION, "x"), socket.timeout("timed out"))

    assert kind_of(in_requests(error)) is Kind.CONNECT_TIMEOUT


def test_an_unknown_name_is_permanent_through_all_layers() -> None:
    """A misspelt host would be tried for two minutes."""
    inner = socket.gaierror(socket.EAI_NONAME, "unknown")
    error: Exception = vendored.NewConnectionError(CONNECTION, "failed to resolve")
    if hasattr(vendored, "NameResolutionError"):  # urllib3 2.x
        error = vendored.NameResolutionError("index.invalid", CONNECTION, inner)

    assert not failure_of(in_requests(caused(error, inner))).transient


def class_of_1_26(name: str) -> type[Exception]:
    """Return a look-alike of a class of urllib3 1.26, with its line of names."""
    lines = {
        "NewConnectionError": ["ConnectTimeoutError", "TimeoutError", "HTTPError"],
        "ConnectTimeoutError": ["TimeoutError", "HTTPError"],
        "ReadTimeoutError": ["TimeoutError", "RequestError", "PoolError", "HTTPError"],
        "ProtocolError": ["HTTPError"],
        "InvalidChunkLength": ["ProtocolError", "HTTPError"],
        "SSLError": ["HTTPError"],
        "MaxRetryError": ["RequestError", "PoolError", "HTTPError"],
    }
    cls: type[Exception] = Exception
    for base in reversed([name, *lines[name]]):
        cls = type(base, (cls,), {})
    return cls


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NewConnectionError", Kind.REFUSED),
        ("ConnectTimeoutError", Kind.CONNECT_TIMEOUT),
        ("ReadTimeoutError", Kind.SILENT),
        ("ProtocolError", Kind.RESET),
        ("InvalidChunkLength", Kind.GARBLED),
    ],
)
def test_the_older_urllib3_is_understood_by_its_names(name: str, kind: Kind) -> None:
    """It has other lines of inheritance, and Debian has a second copy of it."""
    error = class_of_1_26(name)("x")
    too_many = class_of_1_26("MaxRetryError")("x")
    too_many.reason = error

    assert kind_of(error) is kind
    assert kind_of(too_many) is kind


def test_the_older_urllib3_wraps_tls_errors_in_arguments() -> None:
    """Without `from`, so they are found among the arguments only."""
    assert kind_of(class_of_1_26("SSLError")(tls("CERTIFICATE_VERIFY_FAILED"))) is Kind.CERTIFICATE


PROBE = """
import json, sys
sys.path[:0] = sys.argv[1:]
import socket, http.client
from pip._vendor import requests, urllib3
from pip._vendor.urllib3 import exceptions as e
from pip_resilient.session.translate import failure_of
no_host = socket.gaierror(socket.EAI_NONAME, "x")
new = e.NewConnectionError(None, "x") if urllib3.__version__ < "2" else (
    e.NameResolutionError("h", urllib3.connection.HTTPConnection("h"), no_host))
new.__cause__ = no_host
made = [
    new,
    e.ReadTimeoutError(None, "/", "x"),
    e.ConnectTimeoutError(None, "x"),
    e.ProtocolError("Connection broken", http.client.IncompleteRead(b"", 5)),
    e.ProtocolError("Connection aborted.", ConnectionResetError(104, "x")),
    e.SSLError(OSError(0, "x")),
]
wrapped = [requests.exceptions.ConnectionError(e.MaxRetryError(None, "/", one)) for one in made]
print(json.dumps([failure_of(one).kind.name for one in wrapped[:5]]))
"""


@pytest.mark.parametrize(("pip", "python", "first"), [row[:3] for row in PIPS])
def test_every_pip_s_own_classes_are_understood(pip: str, python: str, first: str) -> None:
    """Look-alikes may be unlike."""
    too_old = sys.version_info >= (3, 12) and pip.startswith(("20.", "21.", "22."))
    if too_old or sys.version_info < tuple(map(int, first.split("."))):
        pytest.skip("this pip does not run on this Python")
    wheel = pip_wheel(pip, python)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE, str(wheel), str(Path(__file__).parents[1])],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PIP_RESILIENT"},
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "DNS_UNKNOWN",
        "SILENT",
        "CONNECT_TIMEOUT",
        "TRUNCATED",
        "RESET",
    ]


@pytest.mark.parametrize(
    "error",
    [tls("WRONG_VERSION_NUMBER"), ValueError("check_hostname requires server_hostname")],
)
def test_a_proxy_written_https_that_speaks_http_is_recognised(error: Exception) -> None:
    """It is the most common wrong proxy setting; it cost pip users years."""
    assert kind_of(error, HTTPS_PROXY) is Kind.PROXY_SCHEME
    assert kind_of(error, "http://proxy.invalid:3128") is not Kind.PROXY_SCHEME


def test_a_proxy_is_named_without_its_password() -> None:
    """Failures stand in messages and logs."""
    failure = failure_of(ConnectionResetError(), HTTPS_PROXY)

    assert failure.proxy == "proxy.invalid:3128"
    assert "hunter2" not in repr(failure)


def test_a_circle_of_causes_ends() -> None:
    """Some libraries make one."""
    one, other = OSError("one"), OSError("other")
    one.__cause__, other.__cause__ = other, one

    assert isinstance(failure_of(one), Failure)


@given(
    st.recursive(
        st.sampled_from([case[0] for case in [*OPERATING_SYSTEM, *TLS, *TUNNEL]])
        | st.builds(OSError, st.integers(), st.text())
        | st.builds(Exception, st.text()),
        lambda inner: st.builds(OSError, inner) | st.builds(in_requests, inner),
        max_leaves=4,
    ),
    st.none() | st.sampled_from([HTTPS_PROXY, "http://[", "proxy:1", ""]),
)
def test_every_error_is_translated(error: Exception, proxy: str | None) -> None:
    """An exception about an exception would make us stand aside."""
    assert isinstance(failure_of(error, proxy), Failure)


@pytest.mark.skipif(not ssl.HAS_TLSv1_3, reason="this Python has no TLS 1.3")
def test_a_server_that_misses_a_client_certificate_is_named() -> None:
    """The handshake is over for the client by then; what it reads first is the alert."""
    authority = Authority()
    context = authority.server_context("index.invalid")
    context.verify_mode = ssl.CERT_REQUIRED
    near, far = socket.socketpair()

    def serve() -> None:
        wire = context.wrap_socket(far, server_side=True, do_handshake_on_connect=False)
        with wire, pytest.raises(ssl.SSLError):
            wire.do_handshake()

    server = threading.Thread(target=serve)
    server.start()
    client = authority.client_context().wrap_socket(near, server_hostname="index.invalid")
    with client, pytest.raises(ssl.SSLError) as caught:
        client.recv(1)
    server.join()

    assert kind_of(caught.value) is Kind.CLIENT_CERTIFICATE
    assert not failure_of(caught.value).transient


# Answers.


def answer(status: int, content: bytes = b"", **headers: str) -> Any:
    response = requests.Response()
    response.status_code = status
    response._content = content
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


@pytest.mark.parametrize("status", sorted(TRANSIENT_STATUSES))
def test_a_transient_status_is_a_failure(status: int) -> None:
    """pip itself retries only five of them."""
    failure = failure_of_answer(answer(status, Retry_After="7"), True, None)

    assert failure == Failure(Kind.STATUS, status=status, retry_after=7.0)


@pytest.mark.parametrize("status", [200, 206, 301, 304, 401, 403, 404, 410, 416])
def test_what_pip_handles_is_an_answer(status: int) -> None:
    """pip asks for a password on 401 and reads 404 as "no such package"."""
    assert failure_of_answer(answer(status), True, None) is None


def test_a_login_page_is_a_failure_that_names_itself() -> None:
    """Its title tells the user which network it is."""
    page = b"<title>\n Hotel  WLAN </title><form></form>"
    failure = failure_of_answer(answer(200, page, Content_Type="text/html"), False, None)

    assert failure == Failure(Kind.INTERCEPTED, '"Hotel WLAN"', status=200)


@given(st.binary(max_size=200), st.text(), st.booleans())
def test_any_answer_is_one_or_a_failure(page: bytes, content_type: str, file: bool) -> None:
    """A page made to raise would make us stand aside."""
    got = failure_of_answer(answer(200, page, Content_Type=content_type), file, None)

    assert got is None or got.kind is Kind.INTERCEPTED


def test_a_tunnel_that_stays_silent_is_no_connection() -> None:
    """urllib3 1.26 only says that the proxy could not be connected to."""
    error = in_requests(vendored.ProxyError("No proxy.", socket.timeout("timed out")))

    assert kind_of(error, "http://proxy.invalid:3128") is Kind.CONNECT_TIMEOUT


@pytest.mark.parametrize(
    ("proxy", "place"),
    [
        ("http://u:p@proxy.invalid:3128", "proxy.invalid:3128"),
        ("u:p@proxy.invalid:3128", "proxy.invalid:3128"),
        ("http://u:hunter/2@proxy.invalid:3128", "?"),
        ("http://[x", "?"),
        ("", None),
        (None, None),
    ],
)
def test_a_proxy_is_named_without_its_login(proxy: str | None, place: str | None) -> None:
    """Of a password with a slash, the first half ends up where the port should be."""
    assert place_of_proxy(proxy) == place
