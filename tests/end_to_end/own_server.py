"""How does a test run a server program of somebody else, and be sure that it is gone afterwards?

The rule: one process, started on a free port of the loopback, lent when it
answers a request, and ended by its own id. It gets a folder for everything that
it writes, home and temporary files too, and none of this machine's settings. It
stays in the tests' process group, so that whoever kills that kills it as well.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Callable

_READY_WITHIN = 60.0  # seconds; the slowest takes 2 on an idle machine
_GONE_WITHIN = 10.0


@dataclass(frozen=True)
class OwnServer:
    """A running server: where it answers, and the folder that is its own."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """What it has written to stdout and stderr so far."""
        return (self.folder / "said").read_text(encoding="utf-8", errors="replace")


@contextmanager
def own_folder() -> Iterator[Path]:
    """Lend a folder for one server; it goes with everything in it."""
    folder = Path(tempfile.mkdtemp(prefix="pip-resilient-server-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_once(folder: Path, argv: list[str]) -> None:
    """Run a server's tool to its end, in the same surroundings.

    Raises:
        RuntimeError: It failed; the message holds what it said.
    """
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=_bare_environment(folder),
        cwd=folder,
        timeout=_READY_WITHIN,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")


@contextmanager
def running(
    folder: Path,
    argv_on: Callable[[int], list[str]],
    ready: str | None = "/",
    env: Mapping[str, str] | None = None,
) -> Iterator[OwnServer]:
    """Run a server while the context lasts.

    Args:
        folder: From `own_folder`.
        argv_on: Returns its command line for a port.
        ready: The path that it answers, with 200, once it is ready; None: it only
            has to listen, as a proxy that wants a login.
        env: Variables for it, beside the few that every server gets.

    Raises:
        RuntimeError: It ended by itself or was not ready in time; the message
            holds what it said.
    """
    process, server = _started(folder, argv_on, ready, env or {})
    try:
        yield server
    finally:
        _end(process)


def _started(
    folder: Path, argv_on: Callable[[int], list[str]], ready: str | None, env: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], OwnServer]:
    """Start it; on another port where somebody was faster to take the first one."""
    for attempt in range(3):
        server = OwnServer(_free_port(), folder)
        argv = argv_on(server.port)
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**_bare_environment(folder), **env},
                cwd=folder,
            )
        try:
            if _is_ready(process, server, ready):
                return process, server
        except BaseException:
            _end(process)
            raise
        _end(process)
        if attempt == 2 or "address already in use" not in server.said.lower():
            break
    raise RuntimeError(f"{' '.join(argv)} is not ready\n{server.said}")


def _is_ready(process: subprocess.Popen[bytes], server: OwnServer, path: str | None) -> bool:
    """Wait until it answers; False if it ended, or took too long."""
    latest = time.monotonic() + _READY_WITHIN
    while time.monotonic() < latest and not _has_ended(process, within=0.05):
        if _answers(server.port, path):
            return True
    return False


def _has_ended(process: subprocess.Popen[bytes], within: float) -> bool:
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        return False
    return True


def _answers(port: int, path: str | None) -> bool:
    if path is None:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with closing(connection):
        try:
            connection.request("GET", path)
            with connection.getresponse() as response:
                return response.status == 200
        except (OSError, http.client.HTTPException):
            return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it, politely at first, so that it removes what it has made."""
    process.terminate()
    if not _has_ended(process, _GONE_WITHIN):
        process.kill()
        process.wait()


def _bare_environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    path = os.environ.get("PATH", os.defpath)
    return {**kept, "PATH": path, "HOME": str(folder), "TMPDIR": str(temporary)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
