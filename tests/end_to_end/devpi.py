"""How does a test get a devpi-server with an index in it?

The rule: two kinds of index, as people run them. One that files were uploaded to
has them all from the start. One that mirrors another index fetches what it is
asked for, keeps it, and names the files by their sha256 all the same.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.end_to_end.own_server import own_folder, run_once, running
from tests.end_to_end.real_mirror import REQUEST, RealMirror, Traits
from tests.end_to_end.server_software import python_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.end_to_end.own_server import OwnServer
    from tests.index_pages import Distribution

TRAITS = Traits(json=True, ranges=False, etag=False, ignores_if_range=False, metadata=False)

_LINE = re.compile(rf"\[req\d+\] {REQUEST}$", re.MULTILINE)
_BOUNDARY = "----a-line-that-no-wheel-contains"
_INIT = "import sys; from devpi_server.init import init; sys.exit(init())"
# Its key derivation takes half a gigabyte and ten seconds unless told otherwise.
_CHEAP = ("--argon2-memory-cost", "1024", "--argon2-time-cost", "1", "--argon2-parallelism", "1")


@contextmanager
def devpi(distributions: Iterable[Distribution]) -> Iterator[RealMirror]:
    """Run devpi-server with an index that these files were uploaded to."""
    with _running() as server:
        root = _Root(server)
        root.make_index("uploaded", {"type": "stage", "bases": []})
        for item in distributions:
            root.upload("uploaded", item)
        yield _mirror(server, "uploaded")


@contextmanager
def devpi_fetching(upstream: str) -> Iterator[RealMirror]:
    """Run devpi-server with an index that fetches from this one what it is asked for."""
    with _running() as server:
        _Root(server).make_index("fetching", {"type": "mirror", "mirror_url": upstream})
        yield _mirror(server, "fetching")


def _mirror(server: OwnServer, index: str) -> RealMirror:
    url = f"{server.url}/root/{index}/+simple/"
    return RealMirror(f"devpi-{index}", url, TRAITS, server, _LINE)


@contextmanager
def _running() -> Iterator[OwnServer]:
    python = str(python_of("devpi-server"))
    with own_folder() as folder:
        state = ("--serverdir", str(folder / "state"))
        run_once(folder, [python, "-c", _INIT, *state, "--no-root-pypi"])

        def argv_on(port: int) -> list[str]:
            on = ("--host", "127.0.0.1", "--port", str(port), "--threads", "8")
            return [python, "-m", "devpi_server", *state, *on, *_CHEAP]

        with running(folder, argv_on, ready="/+api") as server:
            yield server


class _Root:
    """The administrator of a new devpi-server, who has no password."""

    def __init__(self, server: OwnServer) -> None:
        self._url = server.url
        self._authorization = ""
        answer = self._call("POST", "/+login", *_as_json({"user": "root", "password": ""}))
        secret = f"root:{answer['result']['password']}".encode()
        self._authorization = base64.b64encode(secret).decode("ascii")

    def make_index(self, name: str, settings: dict[str, object]) -> None:
        """Make an index of the administrator's own."""
        self._call("PUT", f"/root/{name}", *_as_json(settings))

    def upload(self, index: str, item: Distribution) -> None:
        """Upload a file as twine does (multipart/form-data, RFC 7578)."""
        stem = item.filename.removesuffix(".tar.gz")
        fields = {
            ":action": "file_upload",
            "name": item.name,
            "version": stem.split("-")[1],
            "filetype": "sdist" if item.filename.endswith(".tar.gz") else "bdist_wheel",
        }
        parts = [
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        parts.append(
            f"--{_BOUNDARY}\r\nContent-Disposition: form-data; "
            f'name="content"; filename="{item.filename}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = "".join(parts).encode() + item.content + f"\r\n--{_BOUNDARY}--\r\n".encode()
        self._call("POST", f"/root/{index}/", body, f"multipart/form-data; boundary={_BOUNDARY}")

    def _call(self, method: str, path: str, body: bytes, content_type: str) -> Any:
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self._authorization:
            headers["X-Devpi-Auth"] = self._authorization
        request = urllib.request.Request(self._url + path, body, headers, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as response:
            return json.loads(response.read() or b"{}")


def _as_json(value: dict[str, object]) -> tuple[bytes, str]:
    return json.dumps(value).encode(), "application/json"
