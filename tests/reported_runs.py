"""Which run do tests report? Two pages, and a file that is cut, resumed and ended by a mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.accounts import AboutRun, Brought, Requested
from pip_resilient.cli.kept import Kept
from pip_resilient.events import (
    AskedElsewhere,
    GaveUp,
    Healed,
    LostOne,
    Overtaken,
    Resumed,
    Retried,
    SecondConnection,
    ServedElsewhere,
    Widened,
)
from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from pip_resilient.events import Event


INDEX, FILES, MIRROR = "index.invalid", "files.invalid", "mirror.invalid"
PAGE = f"https://{INDEX}/simple/demo/"
GONE = f"https://{INDEX}/simple/gone/"
FILE = f"https://{FILES}/ab/cd/demo-1.0-py3-none-any.whl"
CUT, REFUSED = Failure(Kind.RESET), Failure(Kind.REFUSED)
ABOUT = AboutRun(
    *(0.0, 1785507302.5, 20.0, False, "install", "0.1", "26.3", "3.11.7"),
    *({"patience": "20.0"}, 3, 14, None),
)
EVENTS: list[Event] = [
    Requested(0.0, INDEX, PAGE, "GET", 0.5, 0.6, 200, 5_000, False),
    Requested(1.0, FILES, FILE, "GET", 1.5, 12.0, 200, 40_000_000, False),
    Brought(1.5, FILES, 2.0, 10_000_000),
    Retried(3.0, FILES, FILE, CUT, 1, 2.0, 149.0, False, 10_000_000),
    Resumed(5.5, FILES, FILE, CUT, 10_000_000, 40_000_000, False, 2.5),
    Brought(5.5, FILES, 1.0, 5_000_000),
    AskedElsewhere(
        *(8.0, FILES, FILE, "aliyun", "Alibaba Cloud", False, "file", CUT),
        *(15_000_000, 40_000_000, "PyPI's file path", MIRROR),
    ),
    Brought(8.0, MIRROR, 4.0, 25_000_000),
    ServedElsewhere(12.0, FILES, FILE, "aliyun", "file", 25_000_000),
    Healed(12.0, FILES, FILE, 2, 15_000_000),
    Requested(12.0, INDEX, GONE, "GET", None, None, None, 0, False),
    Retried(13.0, INDEX, GONE, REFUSED, 1, 6.0, 9.0),
    GaveUp(20.0, INDEX, GONE, REFUSED, 2, 15.0, "patience"),
]
RUN = Kept("1785507302-ab12cd", ABOUT, EVENTS)


def many(count: int, name: str = "demo-{}-py3-none-any.whl", troubled: bool = True) -> Kept:
    """Return a run of that many requests, each of them with a few troubles."""
    events: list[Event] = []
    for number in range(count):
        at, url = number * 0.05, f"https://{FILES}/{name.format(number)}"
        events.append(Requested(at, FILES, url, "GET", at + 0.1, at + 3.0, 200, 10_000, False))
        if troubled:
            events += [
                Retried(at + 1.0, FILES, url, CUT, 1, 0.5, 149.0, False, 5_000),
                Resumed(at + 2.0, FILES, url, CUT, 5_000, 10_000, False, 1.0),
                Healed(at + 3.0, FILES, url, 1, 5_000),
            ]
        events.append(Brought(at, FILES, 0.25, 10_000))
    about = ABOUT._replace(requests=count, duration=count * 0.05 + 3.0)
    return Kept("many", about, events)


def _everything() -> Kept:
    """Return a run with nearly all that can happen: cut, resumed, widened, switched, waited for."""
    big = (
        f"https://{FILES}/cd/ef/demo_with_a_long_name-12.0.1-cp313-cp313-manylinux_2_28_x86_64.whl"
    )
    slow, page = f"https://{FILES}/12/34/other-2.0.tar.gz", f"https://{INDEX}/simple/other/"
    busy, late = Failure(Kind.STATUS, "", 503, 2.0), Failure(Kind.SILENT, "10 s")
    events: list[Event] = [
        Requested(0.0, INDEX, page, "GET", 4.4, 4.5, 200, 9_000, False),
        Retried(0.3, INDEX, page, busy, 1, 1.0, 149.0, True),
        Retried(1.6, INDEX, page, busy, 2, 2.5, 147.0, True),
        Healed(4.4, INDEX, page, 2, 0),
        Requested(4.6, FILES, big, "GET", 4.9, 27.0, 200, 180_000_000, False),
        *(Widened(6.0 + n, FILES, big, n + 2, 9_000_000 * n, 180_000_000) for n in range(3)),
        LostOne(11.0, FILES, big, CUT, 60_000_000, 180_000_000),
        Retried(14.0, FILES, big, CUT, 1, 1.5, 148.0, False, 90_000_000),
        Resumed(16.0, FILES, big, CUT, 90_000_000, 180_000_000, False, 2.0),
        SecondConnection(20.0, FILES, big, 3.0, 120_000_000, 180_000_000),
        Overtaken(20.6, FILES, big, 120_000_000),
        Healed(27.0, FILES, big, 3, 120_000_000),
        Requested(27.1, FILES, slow, "GET", 27.6, 44.0, 200, 30_000_000, False),
        Retried(30.0, FILES, slow, late, 1, 4.0, 140.0, False, 4_000_000),
        AskedElsewhere(
            *(34.2, FILES, slow, "tuna", "Tsinghua University", True, "file", late),
            *(4_000_000, 30_000_000, "PyPI's file path", MIRROR),
        ),
        ServedElsewhere(44.0, FILES, slow, "tuna", "file", 26_000_000),
        Healed(44.0, FILES, slow, 2, 4_000_000),
        *(Brought(4.9 + n, FILES, 1.0, 3_000_000 + 2_500_000 * min(n, 3)) for n in range(9)),
        *(Brought(16.0 + n, FILES, 1.0, 8_000_000) for n in range(11) if n not in {1, 2, 3}),
        Brought(27.6, FILES, 2.4, 4_000_000),
        *(Brought(35.0 + n, MIRROR, 1.0, 2_900_000) for n in range(9)),
    ]
    small = [f"https://{FILES}/{n:02}/ab/small_{n}-1.{n}-py3-none-any.whl" for n in range(6)]
    events += [
        Requested(44.1 + n, FILES, url, "GET", 44.3 + n, 44.8 + n, 200, 400_000, n == 3)
        for n, url in enumerate(small)
    ]
    events.sort(key=lambda event: event.at)
    about = ABOUT._replace(duration=50.0, requests=9)
    return Kept("1785507302-everything", about, events)


EVERYTHING = _everything()
