"""What can a real pip install without any network?

The rule: everything is made here, byte for byte the same every time, and served
by an HTTP server on loopback that has no faults: for proving that pip works at
all, and for measuring how fast.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.authority import Authority

_EPOCH = (2020, 1, 1, 0, 0, 0)


def write_wheel(folder: Path, name: str, version: str = "1.0", ballast: int = 0) -> Path:
    """Write a wheel with one module, and that many bytes that cannot be compressed."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"__version__ = {version!r}\n".encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if ballast:
        files[f"{name}/ballast.bin"] = (
            random.Random(name).getrandbits(8 * ballast).to_bytes(ballast, "big")
        )
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), content)
    return wheel


def write_index(folder: Path, *wheels: Path) -> Path:
    """Lay out `simple/<project>/` pages, with digests, over copies of the wheels."""
    for wheel in wheels:
        project = wheel.name.split("-")[0].replace("_", "-").lower()
        page = folder / "simple" / project / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        content = wheel.read_bytes()
        (page.parent / wheel.name).write_bytes(content)
        link = f"{wheel.name}#sha256={hashlib.sha256(content).hexdigest()}"
        page.write_text(f'<!DOCTYPE html><html><body><a href="{link}">{wheel.name}</a>\n')
    return folder


PIECE = 64 * 1024


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the reader's ACK

    rate: float | None = None  # bytes per second of a connection

    def log_message(self, *args: object) -> None:
        """Say nothing: stderr belongs to pytest."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a file as fast as the line is."""
        if self.rate is None:
            super().copyfile(source, outputfile)
            return
        began, sent = time.monotonic(), 0
        while data := source.read(PIECE):
            outputfile.write(data)
            sent += len(data)
            ahead = sent / self.rate - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(ahead)  # noqa: TID251  # the line is the clock here


@contextmanager
def serving(
    folder: Path, rate: float | None = None, authority: Authority | None = None
) -> Iterator[str]:
    """Serve a folder on loopback, and yield the address of its `simple/` index.

    Args:
        folder: What `write_index` has laid out.
        rate: Bytes per second of each connection; None: as fast as it goes.
        authority: Who vouches for it, over TLS; None: it is spoken to in the clear.
    """
    paced = type("_Paced", (_Quiet,), {"rate": rate})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(paced, directory=str(folder)))
    server.daemon_threads = True
    if authority is not None:
        context = authority.server_context("127.0.0.1")
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )  # the first read of a connection does it, in that connection's own thread
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        scheme = "http" if authority is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}/simple/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
