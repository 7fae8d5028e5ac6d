"""In which ways does the network fail, and what would nothing have done faster?

The rule: the ideal is arithmetic, bytes over bandwidth and the waits that the server
asked for, or a time measured in the same run where bandwidth has no number (loopback,
a dead host). Unless a row says otherwise the origin's line carries 8 MB/s, shared by
all connections to it, and a spare has such a line of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.fault_plays import black_hole, killed, outage, refused, silent
from benchmarks.fault_run import BARE, OWN, Row
from tests.faults import (
    DropEvery,
    Fin,
    HostThrottle,
    NeverAnswer,
    Reset,
    Silence,
    Throttle,
    Together,
)

if TYPE_CHECKING:
    from typing import Callable

    from tests.faults import Fault
    from tests.servers.script import Entry

MB, KB = 1_000_000, 1_000
FILE = 24 * MB
LINE = 8 * MB
GIGABIT = 125 * MB
OUTAGE = 20.0
CONNECTIONS = 4
"""As many as a client may open to one host; browsers take six."""
DIALLED = 0.25
"""Seconds that an IPv6 address is given before IPv4 is tried: RFC 8305 §5."""


def carried(size: int, rate: float, waits: float = 0.0) -> float:
    """Return the seconds that so many bytes take at so many a second, and the waits."""
    return size / rate + waits


def line(rate: float = LINE, *first: Fault, then: Fault | None = None) -> Callable[[], list[Entry]]:
    """Make the script of a host with a line.

    Args:
        rate: Bytes per second, of all connections together.
        first: What the first requests for a file meet, one each.
        then: What all further ones meet.
    """

    def script() -> list[Entry]:
        shared = HostThrottle(rate)
        met = [Together((fault, shared)).when("*.whl", method="GET", first=1) for fault in first]
        rest = shared if then is None else Together((then, shared))
        return [*met, rest.when("*.whl")]

    return script


def _per_connection() -> list[Entry]:
    return [Throttle(LINE / CONNECTIONS).when("*.whl")]


def _dies_after_a_third() -> list[Entry]:
    return [*line(LINE, Silence(FILE // 3), then=Silence(part="headers"))()]


ROWS = (
    Row("clean", "no fault: 24 MB at 1 Gbit/s", FILE, carried(FILE, GIGABIT), line(GIGABIT)),
    Row("large", "no fault: 200 MB over loopback", 200 * MB, BARE),
    Row(
        "stall",
        "first connection silent after 8 of 24 MB",
        FILE,
        carried(FILE, LINE),
        line(LINE, Silence(FILE // 3)),
    ),
    Row(
        "stall-spare",
        "host silent for good after 8 of 24 MB; a spare",
        FILE,
        carried(FILE, LINE),
        _dies_after_a_third,
        spare=line(),
    ),
    Row(
        "drops",
        "a reset every 2 MB of 24 MB",
        FILE,
        carried(FILE, LINE),
        line(then=DropEvery(2 * MB)),
    ),
    Row(
        "resets",
        "resets: before the answer, after 8 MB, after 4 MB",
        FILE,
        carried(FILE, LINE),
        line(LINE, Reset(part="headers"), Reset(8 * MB), Reset(4 * MB)),
    ),
    Row(
        "truncation",
        "the stream ends early (FIN) after 8 MB, twice",
        FILE,
        carried(FILE, LINE),
        line(LINE, Fin(8 * MB), Fin(8 * MB)),
    ),
    Row(
        "crawl-spare",
        "source at 20 KB/s, 24 MB; a spare at 8 MB/s",
        FILE,
        carried(FILE, LINE),
        line(20 * KB),
        spare=line(),
    ),
    Row(
        "slow",
        "source at 200 KB/s, 2 MB, nobody else",
        2 * MB,
        carried(2 * MB, 200 * KB),
        line(200 * KB),
    ),
    Row(
        "throttled",
        "2 MB/s per connection, 24 MB",
        FILE,
        carried(FILE, LINE),
        _per_connection,
    ),
    Row(
        "throttled-200",
        "2 MB/s per connection, 200 MB",
        200 * MB,
        carried(200 * MB, LINE),
        _per_connection,
        limit=180.0,
        long=True,
    ),
    Row(
        "outage",
        "host away for 20 s in the middle of 24 MB",
        FILE,
        carried(FILE, LINE, OUTAGE),
        line(),
        play=outage(0.5, OUTAGE),
    ),
    Row(
        "dead-refused",
        "index refuses connections; 20 packages; a spare",
        20 * KB,
        OWN,
        spare=list,
        beside=True,
        packages=20,
        play=refused,
    ),
    Row(
        "dead-silent",
        "index accepts and is silent; 20 packages; a spare",
        20 * KB,
        OWN,
        lambda: [NeverAnswer()],
        spare=list,
        beside=True,
        packages=20,
        play=silent,
    ),
    Row(
        "kill-60",
        "kill -9 at 60 % of 24 MB, run again",
        FILE,
        carried(FILE * 4 // 10, LINE),
        line(),
        play=killed(0.6),
    ),
    Row(
        "kill-90",
        "kill -9 at 90 % of 24 MB, run again",
        FILE,
        carried(FILE // 10, LINE),
        line(),
        play=killed(0.9),
    ),
    Row(
        "black-hole",
        "IPv6 swallows everything; time to connect, p95 of 20",
        20 * KB,
        DIALLED,
        play=black_hole,
        host="localhost",
    ),
    Row("huge", "no fault: 2 GB over loopback", 2000 * MB, BARE, limit=300.0, long=True),
    Row(
        "huge-drops",
        "a reset every 100 MB of 2 GB over loopback",
        2000 * MB,
        BARE,
        lambda: [DropEvery(100 * MB).when("*.whl")],
        limit=300.0,
        long=True,
    ),
)
