"""What becomes of one install from a server that fails in one way?

The rule: times are those of the server. A transfer begins with the first request for
a file and ends with the last byte sent of any, whoever sent it, so that the start of
the program, its work on the index and its unpacking are not counted. A run is over
after the row's limit; "ok" is an exit code of 0 and the right bytes in their place.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Union

from benchmarks.fault_clients import Order, forget, target
from tests.faults import FaultServer
from tests.packages import Index
from tests.servers.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from benchmarks.fault_clients import Client
    from tests.faults import Seen
    from tests.packages import Distribution
    from tests.servers.script import Entry

OK, FAILED, LIMIT = "ok", "failed", "limit"
CHARGED = Path(__file__).with_name("charged.py")
SETTLED_WITHIN = 5.0
LOCAL = "127.0.0.1"

BARE = "a bare reader's time"
OWN = "the same program's time on a healthy network"
Ideal = Union[float, str]
"""Seconds, or one of the two names of what is measured in the same run."""


@contextlib.contextmanager
def at_first_start(client: Client) -> Iterator[Client]:
    """Lend a client with a new home, which is removed afterwards."""
    fresh = client.with_fresh_home()
    try:
        yield fresh
    finally:
        forget(fresh)


def straight(stage: Stage, client: Client) -> Outcome:
    """Let the script of the row be all that happens."""
    stage.set_up()
    with at_first_start(client) as fresh, Run(stage, fresh) as run:
        return run.finish()


@dataclass(frozen=True)
class Row:
    """One way to fail.

    Attributes:
        name: What the command line calls it.
        title: What table and chart call it.
        size: Of each file, in bytes.
        ideal: What nothing can beat.
        script: Makes the faults of the origin.
        spare: Makes those of the spare; None: there is no spare.
        beside: Whether plain clients get the spare as a further index.
        packages: How many projects are installed, of one file each.
        play: What happens while the client runs.
        host: What the client calls the origin.
        limit: Seconds after which a run is ended.
        long: Whether it runs only when asked for.
    """

    name: str
    title: str
    size: int
    ideal: Ideal
    script: Callable[[], Sequence[Entry]] = tuple
    spare: Callable[[], Sequence[Entry]] | None = None
    beside: bool = False
    packages: int = 1
    play: Callable[[Stage, Client], Outcome] = straight
    host: str = LOCAL
    limit: float = 60.0
    long: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        result: `OK`, `FAILED` or `LIMIT`.
        wall: Seconds from start to end.
        seconds: What is compared with the ideal; None where it came to nothing.
        sent: Body bytes of the files, from all servers.
        size: Those of the files.
        processor: Seconds of the processor; None where it was not ended by itself.
        peak: Highest memory in bytes, in the same way.
        said: The last that it said.
    """

    result: str
    wall: float
    seconds: float | None
    sent: int
    size: int
    processor: float | None = None
    peak: int | None = None
    said: str = ""


@dataclass(frozen=True)
class Stage:
    """The servers of a row, and what they hold."""

    row: Row
    origin: FaultServer
    spare: FaultServer | None
    index: Index
    spare_index: Index | None
    certificate: str | None = None

    @property
    def servers(self) -> list[FaultServer]:
        """Those that there are."""
        return [self.origin, *([self.spare] if self.spare else [])]

    @property
    def held(self) -> list[Distribution]:
        """What is to be installed."""
        return self.index.distributions

    @property
    def order(self) -> Order:
        """What a client is told to do."""
        names = tuple(item.name for item in self.held)
        spare = self.spare_index.url if self.spare_index else None
        return Order(names, self.index.url, spare, self.row.beside, self.certificate)

    def set_up(self) -> None:
        """Let the faults begin anew."""
        self.origin.script = self.row.script()
        if self.spare is not None and self.row.spare is not None:
            self.spare.script = self.row.spare()


@contextlib.contextmanager
def stage_of(row: Row, *, tls: bool = False) -> Iterator[Stage]:
    """Lend the servers of a row, spoken to in the clear or over TLS."""
    with contextlib.ExitStack() as opened:
        authority = certificate = None
        if tls:
            authority = Authority()
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            certificate = authority.write_to(folder / "authority.pem")
        origin = opened.enter_context(FaultServer(host=row.host, tls=authority))
        spare = opened.enter_context(FaultServer(tls=authority)) if row.spare is not None else None
        index = Index(origin)
        for number in range(row.packages):
            index.add_wheel(f"demo{number}", "1.0", size=row.size)
        spare_index = Index(spare) if spare is not None else None
        if spare_index is not None:
            spare_index.add_all(index.distributions)
        yield Stage(row, origin, spare, index, spare_index, certificate)


class Run:
    """A client at work; at the end of the context it is gone, whatever it did.

    Args:
        stage: Where it works.
        client: Who; its home is not renewed here.
        prefix: A command that starts its own.
        order: What it is told, if not what the stage says.
    """

    def __init__(
        self, stage: Stage, client: Client, prefix: Sequence[str] = (), order: Order | None = None
    ) -> None:
        self._stage = stage
        self._client = client
        self._marks = [len(server.log) for server in stage.servers]
        self._paths = {item.path for item in stage.held}
        self._size = sum(len(item.content) for item in stage.held)
        order = order or stage.order
        client.home.joinpath("work").mkdir(exist_ok=True)
        self._said = client.home / "said"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(CHARGED), *prefix, *client.argv(order)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                env=client.environ(order),
                cwd=client.home / "work",
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self._reports = self._process.stdout
        self._reported = b""
        started = json.loads(self._reports.readline())
        self.begin: float = started["begin"]
        self._pid: int = started["pid"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_group()

    def sent(self) -> int:
        """Return the body bytes of the files that were sent to it so far."""
        return sum(seen.body_bytes for seen in self._seen())

    def first_request(self) -> float | None:
        """Return when it was first heard of, for whatever it asked."""
        logs = zip(self._stage.servers, self._marks)
        return min((seen.at for server, mark in logs for seen in server.log[mark:]), default=None)

    def transfer(self) -> float | None:
        """Return the seconds from the first request for a file to the last byte of any."""
        seen = self._seen()
        last = [one.last_byte_at for one in seen if one.last_byte_at is not None]
        return max(last) - min(one.at for one in seen) if last else None

    def age(self) -> float:
        """Return the seconds since its start."""
        return time.monotonic() - self.begin

    def is_over(self, within: float) -> bool:
        """Wait so many seconds for its end, and say whether it came."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it as nothing can prevent, and see the connections go."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self.is_over(SETTLED_WITHIN)
        self._end_group()

    def finish(self) -> Outcome:
        """Wait for its end or the limit, and return what came of it."""
        limit = self._stage.row.limit
        over = self.is_over(max(0.0, limit - self.age()))
        self._end_group()
        if not over:
            said = self._last_words()
            return Outcome(LIMIT, limit, None, self.sent(), self._size, said=said)
        charge = self._charge()
        if charge["status"] != 0 or not self._is_right():
            result, seconds = FAILED, None
        else:
            result, seconds = OK, self.transfer()
        return Outcome(
            result,
            charge["wall"],
            seconds,
            self.sent(),
            self._size,
            charge["processor"],
            int(charge["peak"]),
            self._last_words(),
        )

    def _charge(self) -> dict[str, float]:
        return dict(json.loads(self._reported))

    def _seen(self) -> list[Seen]:
        logs = zip(self._stage.servers, self._marks)
        asked = [seen for server, mark in logs for seen in server.log[mark:]]
        return [seen for seen in asked if seen.path in self._paths and seen.method == "GET"]

    def _is_right(self) -> bool:
        return all(_is_installed(item, target(self._client)) for item in self._stage.held)

    def _last_words(self) -> str:
        return self._said.read_text(errors="replace")[-2000:].strip()

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if not self._reports.closed:
            with self._reports:
                self._reported = self._reports.read()
        self._process.wait()


def _is_installed(item: Distribution, folder: Path) -> bool:
    """Compare the payload on the disk with that of the wheel, by its checksum there."""
    name = f"{item.name}/payload.bin"
    if not (folder / name).is_file():
        return False
    with zipfile.ZipFile(io.BytesIO(item.content)) as wheel:
        wanted = wheel.getinfo(name).CRC
    found = 0
    with (folder / name).open("rb") as file:
        while piece := file.read(1 << 20):
            found = zlib.crc32(piece, found)
    return found == wanted
